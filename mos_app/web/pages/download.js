// A link that saves a file: one that came with the page, or one at an address of ours.

export default function ({ parentElement, data }) {
  const link = parentElement.querySelector("a");
  const made = data.path ? null : URL.createObjectURL(new Blob([data.text], { type: data.mime }));
  link.textContent = data.label;
  link.title = data.about;
  link.download = data.name;
  link.href = made || new URL(data.path, location.origin).href;
  return () => made && URL.revokeObjectURL(made);
}
