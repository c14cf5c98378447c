// The button by which a person wants to be told of new messages while the chat is closed: Web Push. It is on the page
// /chat alone: a browser keeps a subscription for a page of our own origin, and another site's page is not one.

import { BELL, button, drawn } from "./elements.js";

const WORKER = "/chat/worker.js";
const SCOPE = "/chat";

export class Notices {
  constructor(view) {
    this.view = view;
    this.busy = false;
    this.button = button("tool bell", "", () => this.#pressed(), view.words("notices"));
    this.button.append(drawn(BELL));
    this.button.hidden = true;
    view.tools.prepend(this.button);
  }

  /** What became of the chat (see `became` in view.js). */
  async became(name) {
    try {
      if (name === "ready") await this.#ready();
      if (name === "gone") {
        this.#show(false);
        await (await subscribed())?.unsubscribe();
      }
    } catch {
      // The chat is what counts; the button tells when it is pressed.
    }
  }

  async #ready() {
    this.key = this.view.chat.limits.push ?? "";
    if (this.key === "" || !("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return;
    let known = await subscribed();
    if (known !== null) {
      // The visitor, the browser's subscription or our key may be another one since the last visit.
      const kept = this.view.store.get("push");
      if (kept?.key !== this.key) {
        await known.unsubscribe();
        known = await this.#subscribe();
      } else if (kept.visitor !== this.view.chat.visitor || kept.endpoint !== known.endpoint) {
        await this.#keep(known);
      }
    }
    this.#show(known !== null);
    this.button.hidden = false;
  }

  async #pressed() {
    if (this.busy) return;
    this.busy = true;
    try {
      if (this.on) await this.#stop();
      else if ((await Notification.requestPermission()) === "granted") await this.#start();
      else this.view.log.notice(this.view.words("noticesDenied"));
    } catch {
      this.view.log.notice(this.view.words("noticesFailed"));
    } finally {
      this.busy = false;
    }
  }

  async #start() {
    await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
    await this.#subscribe();
    this.#show(true);
    this.view.log.notice(this.view.words("noticesOn"), true);
  }

  async #subscribe() {
    const { pushManager } = await navigator.serviceWorker.ready;
    const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: this.key });
    try {
      await this.#keep(made);
    } catch (error) {
      await made.unsubscribe(); // What the service does not know of must not look as if it did.
      throw error;
    }
    return made;
  }

  async #keep(subscription) {
    const { id } = await this.view.chat.push("PUT", "", subscription);
    const { visitor } = this.view.chat;
    this.view.store.set("push", { id, visitor, endpoint: subscription.endpoint, key: this.key });
  }

  async #stop() {
    const kept = this.view.store.get("push");
    await (await subscribed())?.unsubscribe();
    this.view.store.set("push", undefined);
    this.#show(false);
    this.view.log.notice(this.view.words("noticesOff"), true);
    // Should this not arrive, the push service says at the next push that the browser is gone.
    if (kept !== undefined) await this.view.chat.push("DELETE", `/${kept.id}`).catch(() => {});
  }

  #show(on) {
    this.on = on;
    this.button.setAttribute("aria-pressed", String(on));
  }
}

/** The subscription of this browser, null where there is none. */
async function subscribed() {
  const registration = await navigator.serviceWorker?.getRegistration(SCOPE);
  return (await registration?.pushManager?.getSubscription()) ?? null;
}
