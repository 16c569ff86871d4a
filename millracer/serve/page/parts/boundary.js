/** Keeps an error in one view from taking the page with it. */
import { Component, html } from "../lib/html.js";
import { Notice } from "./notice.js";

export class Boundary extends Component {
  state = { error: null };

  static getDerivedStateFromError(error) {
    return { error };
  }

  componentDidCatch(error) {
    console.error(error);
  }

  render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return html`<${Notice}
      tone="bad"
      title="This page cannot show what it received"
      actions=${html`<button type="button" onClick=${() => this.setState({ error: null })}>Show it again</button>`}
    ><p>The work is not affected. On the command line, <code>millracer status</code> shows it. Please report this:</p><pre>${String(error.message)}</pre><//>`;
  }
}
