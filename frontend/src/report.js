// Gives the preview's frame the height of the mail in it.
const frame = document.querySelector("[data-mail]");

function fit() {
  const root = frame.contentDocument?.documentElement;
  // Its content's height; scrollHeight is never less than the frame's own.
  if (root) frame.style.height = `${Math.ceil(root.getBoundingClientRect().height)}px`;
}

frame.addEventListener("load", fit);
addEventListener("resize", fit);
fit();
