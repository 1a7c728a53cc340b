/** Where a card goes. */

/**
 * Put a card near a point of the stage, inside it and, where it can be, clear of what it is about:
 * below or above the streams pointed at, beside the pointer when they fill the height.
 */
export function placeCard(
  card: HTMLElement,
  stage: HTMLElement,
  at: { x: number; y: number },
  region: { top: number; bottom: number },
): void {
  card.hidden = false;
  const room = { w: stage.clientWidth, h: stage.clientHeight };
  const size = { w: card.offsetWidth, h: card.offsetHeight };
  const inside = (value: number, most: number) => Math.min(Math.max(4, value), Math.max(4, most));
  let left = inside(at.x - size.w / 2, room.w - size.w - 4);
  let top = region.bottom + 12;
  if (top + size.h > room.h + 40) top = region.top - 14 - size.h;
  if (top < -60) {
    left = at.x + 20 + size.w <= room.w ? at.x + 20 : Math.max(4, at.x - 20 - size.w);
    top = inside(at.y - size.h / 2, room.h - size.h - 4);
  }
  card.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}
