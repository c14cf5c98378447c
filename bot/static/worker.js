// What of the chat is there while no page of it is: it shows a push, and opens the chat when the person wants to read.

const CHAT = "/chat";

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("push", (event) => {
  const said = read(event.data);
  const shown = self.registration.showNotification(said.title || "چاپار", {
    body: said.body ?? "",
    tag: "chapar", // A later one takes the place of one that was not looked at.
    dir: "auto",
    icon: "/chat/static/icon.svg",
  });
  event.waitUntil(shown);
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});

function read(data) {
  try {
    return data?.json() ?? {};
  } catch {
    return {};
  }
}

async function open() {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const chat = windows.find((each) => new URL(each.url).pathname === CHAT);
  return chat === undefined ? self.clients.openWindow(CHAT) : chat.focus();
}
