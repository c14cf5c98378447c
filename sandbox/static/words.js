// Every word of the page, in Persian first.

const fa = {
  name: "چاپار",
  title: "چاپار: تلفن و گفتگوی آزمایشی",
  lead: "همان گفتگوها، با کد روی تلفن یا با نوشتن در چت. هر پیامک، ایمیل و تماسی که سامانه می‌فرستد همین‌جا می‌ماند و به دست کسی نمی‌رسد.",
  other: "English",
  skip: "رفتن به تلفن",
  phone: "تلفن",
  talk: "چت",
  screen: "نمایشگر",
  typed: "شماره یا پاسخ",
  keypad: "صفحه‌کلید تلفن",
  send: "تماس و فرستادن",
  erase: "پاک کردن آخرین نویسه",
  end: "پایان گفت‌وگو",
  star: "ستاره",
  hash: "مربع",
  desk: "چه بگیرم؟",
  openMenu: "منوی اصلی",
  openComplaint: "یک‌راست ثبت شکایت",
  keyboard: "با صفحه‌کلید: رقم‌ها، ستاره و مربع را بنویسید. Enter می‌گیرد یا می‌فرستد، Backspace پاک می‌کند و Escape گفت‌وگو را می‌بندد. متن شکایت را هم با صفحه‌کلید بنویسید.",
  number: "شمارهٔ من",
  numberHelp: "با شماره‌ای دیگر، تماس‌گیرندهٔ دیگری هستید.",
  numberWrong: "شماره باید مانند ۰۹۱۲۱۲۳۴۵۶۷ یازده رقم باشد.",
  messages: "آنچه سامانه فرستاده است",
  nothing: "هنوز چیزی فرستاده نشده است. شکایتی ثبت کنید یا شمارهٔ دیگری را تأیید کنید تا پیامش را این‌جا ببینید.",
  mine: "برای این تلفن",
  stale: "فهرست به‌روز نمی‌شود؛ کارساز پاسخ نمی‌دهد.",
  ready: "کد را بگیرید، مانند *733#",
  sending: "کمی صبر کنید…",
  over: "گفت‌وگو پایان یافت.",
  hungUp: "گفت‌وگو را بستید.",
  wrongCode: "کد با ستاره آغاز و با مربع تمام می‌شود، مانند *733#",
  empty: "پاسخ را بنویسید، یا با Escape گفت‌وگو را ببندید.",
  units: "{used} از {limit} واحد این صفحه پر است",
  septets: "{used} از {limit} نویسهٔ این صفحه پر است",
  blank: "هر صفحهٔ فارسی {limit} واحد جا دارد",
  arrived: "{channel} تازه برای {to}",
  forbidden: "درگاه این تماس را نپذیرفت. صفحه را روی همان دستگاهی باز کنید که چاپار روی آن کار می‌کند.",
  missing: "این درگاه روی کارساز نیست.",
  offline: "شبکه در دسترس نیست: کارساز پاسخ نمی‌دهد. آن را روشن کنید و دوباره بگیرید.",
  slow: "شبکه پاسخی نداد. دوباره بگیرید.",
  crowded: "شبکه شلوغ است. کمی بعد دوباره بگیرید.",
  broken: "پاسخ کارساز خواندنی نبود.",
  sms: "پیامک",
  email: "ایمیل",
  voice: "تماس صوتی",
  push: "اعلان",
  ussd: "صفحه USSD",
  otp: "رمز یک‌بارمصرف",
  service: "خدماتی",
  bulk: "تبلیغاتی",
  queued: "در صف",
  claimed: "در حال ارسال",
  sent: "فرستاده شد",
  delivered: "رسید",
  failed: "نرسید",
  blocked: "بسته است",
  expired: "دیر شد",
  cancelled: "لغو شد",
};

const en = {
  name: "Chapar",
  title: "Chapar: a phone and a chat to try it with",
  lead: "The same conversations, by a code on the phone or by writing in the chat. Every SMS, e-mail and call that the system makes stays on this page and reaches nobody.",
  other: "فارسی",
  skip: "Go to the phone",
  phone: "Phone",
  talk: "Chat",
  screen: "Screen",
  typed: "Number or answer",
  keypad: "Keypad",
  send: "Call and send",
  erase: "Erase the last character",
  end: "End the dialog",
  star: "Star",
  hash: "Hash",
  desk: "What to dial",
  openMenu: "Main menu",
  openComplaint: "Straight to a complaint",
  keyboard: "By keyboard: type digits, star and hash. Enter dials or sends, Backspace erases, Escape hangs up. Write the words of a complaint by keyboard, too.",
  number: "My number",
  numberHelp: "With another number you are another caller.",
  numberWrong: "A number has eleven digits, like 09121234567.",
  messages: "What the system sent",
  nothing: "Nothing was sent yet. File a complaint or verify another number, and its message appears here.",
  mine: "to this phone",
  stale: "The list is not being updated; the server does not answer.",
  ready: "Dial a code, such as *733#",
  sending: "One moment…",
  over: "The dialog has ended.",
  hungUp: "You hung up.",
  wrongCode: "A code begins with a star and ends with a hash, like *733#",
  empty: "Type an answer, or hang up with Escape.",
  units: "{used} of {limit} units of this screen are used",
  septets: "{used} of {limit} characters of this screen are used",
  blank: "A Persian screen holds {limit} units",
  arrived: "New {channel} to {to}",
  forbidden: "The gateway refused this call. Open the page on the machine that Chapar runs on.",
  missing: "This gateway is not on the server.",
  offline: "No network: the server does not answer. Start it and dial again.",
  slow: "The network gave no answer. Dial again.",
  crowded: "The network is busy. Dial again in a moment.",
  broken: "The server's answer cannot be read.",
  sms: "SMS",
  email: "E-mail",
  voice: "Voice call",
  push: "Push",
  ussd: "USSD screen",
  otp: "one-time code",
  service: "service",
  bulk: "advertising",
  queued: "queued",
  claimed: "sending",
  sent: "sent",
  delivered: "delivered",
  failed: "failed",
  blocked: "blocked",
  expired: "too late",
  cancelled: "cancelled",
};

const all = { fa, en };
const KEPT = "chapar.language";
let current = "fa";

export function language() {
  return current;
}

export function chooseFirst() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    // Storage may be forbidden; the page then begins in Persian each time.
  }
  choose(kept in all ? kept : "fa");
}

export function choose(code) {
  current = code;
  try {
    localStorage.setItem(KEPT, code);
  } catch {
    // As above.
  }
}

/** The words called `name`, with `{…}` filled in. */
export function words(name, values = {}) {
  const text = all[current][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

export function number(value) {
  return new Intl.NumberFormat(current === "fa" ? "fa-IR" : "en", { useGrouping: false }).format(value);
}

export function time(iso) {
  const shape = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(current === "fa" ? "fa-IR" : "en-GB", shape).format(new Date(iso));
}

/** Puts words into every element that names them. */
export function sayAll(root = document) {
  document.documentElement.lang = current;
  document.documentElement.dir = current === "fa" ? "rtl" : "ltr";
  document.title = words("title");
  for (const element of root.querySelectorAll("[data-words]")) {
    element.textContent = words(element.dataset.words);
  }
  for (const element of root.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", words(element.dataset.label));
  }
}
