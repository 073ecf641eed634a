// A device's state in words, sign and colour; the server wrote all four, one is shown.
export function showState(element, status) {
  if (element.dataset.status === status) return false;
  element.dataset.status = status;
  for (const words of element.querySelectorAll("[data-when]")) {
    words.hidden = words.dataset.when !== status;
  }
  return true;
}
