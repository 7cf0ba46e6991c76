/** Where a result is of a kind that nobody thought of, words stand in one place; all else goes on. */
import { Component, type ReactNode } from 'react';
import { words } from './words';

const AGAIN_MS = 3000;

/** Catches what goes wrong while its children are drawn, and draws them again after a while. */
export class Boundary extends Component<{ children: ReactNode }, { error?: Error | undefined }> {
  override state: { error?: Error | undefined } = {};
  private timer = 0;

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidCatch() {
    this.timer = window.setTimeout(() => this.setState({ error: undefined }), AGAIN_MS);
  }

  override componentWillUnmount() {
    window.clearTimeout(this.timer);
  }

  override render() {
    const { error } = this.state;
    return error ? <p className="empty" role="alert">{words.broken(error.message)}</p> : this.props.children;
  }
}
