// A USSD network in front of the server: it speaks Africa's Talking's form, as that gateway does.

const DOOR = "/ussd/africastalking";
const PATIENCE = 15_000; // Milliseconds: more than the server takes for its slowest answer.
const CARRIER = "43211";

/** What went wrong: `forbidden`, `missing`, `offline`, `slow`, `crowded` or `broken`. */
export class NetworkError extends Error {}

/** `*733*2*1#` as the network takes it apart: the service code, and what was dialled behind it. */
export function readCode(dialled) {
  const match = /^\*(\d{1,16})((?:\*[^*#]+)*)#$/.exec(dialled);
  return match ? { code: `*${match[1]}#`, text: match[2].slice(1) } : null;
}

/** Persian and Arabic digits as the keypad has them. */
export function digits(text) {
  return text.replace(/[۰-۹٠-٩]/g, (digit) => String(digit.charCodeAt(0) & 0xf));
}

/** A mobile number of Iran in E.164, or null. */
export function e164(text) {
  const match = /^(?:\+98|0098|0)?(9\d{9})$/.exec(digits(text).replace(/[\s()-]/g, ""));
  return match ? `+98${match[1]}` : null;
}

export class Dialog {
  constructor(number, dialled) {
    this.number = number;
    this.code = dialled.code;
    this.text = dialled.text;
    this.session = `sandbox-${randomName()}`;
    this.open = true;
    this.began = Date.now();
  }

  begin() {
    return this.#send();
  }

  answer(typed) {
    this.text = this.text === "" ? typed : `${this.text}*${typed}`;
    return this.#send();
  }

  /** Tells the server that the dialog is over; `beacon` where the page itself is going away. */
  leave(status = "Incomplete", beacon = false) {
    const was = this.open;
    this.open = false;
    const form = this.#form({
      date: new Date().toISOString(),
      status,
      cost: "0",
      durationInMillis: String(Date.now() - this.began),
      hopsCount: "1",
      input: this.text,
      lastAppResponse: "",
    });
    if (beacon) {
      if (was) navigator.sendBeacon(`${DOOR}/events`, form);
      return Promise.resolve();
    }
    // What the person sees does not depend on it: the session would run out by itself.
    return fetch(`${DOOR}/events`, { method: "POST", body: form }).catch(() => undefined);
  }

  #form(more) {
    return new URLSearchParams({
      sessionId: this.session,
      phoneNumber: this.number,
      networkCode: CARRIER,
      serviceCode: this.code,
      ...more,
    });
  }

  async #send() {
    let response;
    let body;
    try {
      response = await fetch(DOOR, {
        method: "POST",
        body: this.#form({ text: this.text }),
        signal: AbortSignal.timeout(PATIENCE),
      });
      body = await response.text();
    } catch (error) {
      this.open = false;
      throw new NetworkError(error.name === "TimeoutError" ? "slow" : "offline");
    }
    const match = /^(CON|END) ?([\s\S]*)$/.exec(body);
    if (!response.ok || match === null) {
      this.open = false;
      throw new NetworkError(REFUSALS[response.status] ?? "broken");
    }
    if (match[1] === "END") {
      this.leave("Success");
    }
    return match[2];
  }
}

const REFUSALS = { 403: "forbidden", 404: "missing", 429: "crowded", 503: "crowded" };

function randomName() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
