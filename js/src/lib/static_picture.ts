/**
 * Every display leaves two outputs: a static picture for readers without a kernel, then the live
 * view. Where the live view draws, the picture above it would only repeat it.
 */

const MARK = "img.critwin-static, .critwin-static";

/** Hide the static output just before `el`'s; returns the function that shows it again. */
export function hideStaticPicture(el: HTMLElement): () => void {
  let hidden: HTMLElement | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  const look = () => {
    // Hosts attach the view some time after it is rendered.
    const own = el.isConnected ? el.closest<HTMLElement>(".jp-OutputArea-child") : null;
    const before = own?.previousElementSibling as HTMLElement | null | undefined;
    if (before?.querySelector(MARK)) {
      hidden = before;
      hidden.style.display = "none";
      return;
    }
    tries += 1;
    if (tries < 40) timer = setTimeout(look, 50);
  };
  look();
  return () => {
    clearTimeout(timer);
    if (hidden !== null) hidden.style.display = "";
  };
}
