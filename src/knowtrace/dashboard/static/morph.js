// Turn one element into another in place: what stays the same keeps its focus, its scroll and its transitions.

/** Make `from` look like `to`. Elements with data-keep stay as they are; data-key says who is who in a list. */
export function morph(from, to) {
  if (from.hasAttribute("data-keep")) return;
  copyAttributes(from, to);
  const old = [...from.childNodes];
  const keyed = new Map(old.filter(keyOf).map((node) => [keyOf(node), node]));
  const unkeyed = old.filter((node) => !keyOf(node));
  let place = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const match = keyOf(wanted) ? keyed.get(keyOf(wanted)) : takeLike(unkeyed, wanted);
    const node = match ?? document.importNode(wanted, true);
    if (match) update(match, wanted);
    if (node !== place) from.insertBefore(node, place);
    else place = place.nextSibling;
    old.splice(old.indexOf(match), match ? 1 : 0);
  }
  for (const node of old) node.remove();
}

function update(from, to) {
  if (from.nodeType === Node.ELEMENT_NODE) morph(from, to);
  else if (from.data !== to.data) from.data = to.data;
}

function copyAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    // `open` is the reader's doing, not the server's.
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function takeLike(nodes, wanted) {
  const at = nodes.findIndex((node) => node.nodeName === wanted.nodeName);
  return at < 0 ? undefined : nodes.splice(at, 1)[0];
}
