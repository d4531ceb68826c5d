import './base.css';
import './buttons.css';
import './forms.css';
import './sections.css';
import './snapshots.css';
