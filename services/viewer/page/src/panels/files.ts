/** Files that the page itself makes. */

export function saved(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  // not at once: some browsers read it a little later
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
