"""F2: the container engine behind an abstract port."""
