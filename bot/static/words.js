// Every word of the chat itself, in Persian first. What the service says comes over the socket.

const fa = {
  name: "گفتگو با چاپار",
  open: "گفتگو",
  openWith: "گفتگو، {count} پیام تازه",
  close: "بستن گفتگو",
  log: "پیام‌ها",
  hello: "سلام! این‌جا می‌توانید شکایت ثبت کنید، پیامی را پیگیری کنید یا با کارشناس گفتگو کنید.",
  begin: "شروع",
  beginWord: "شروع",
  again: "گفتگوی تازه",
  write: "پیام شما",
  placeholder: "پیام بنویسید…",
  send: "فرستادن",
  options: "گزینه‌ها",
  chosen: "انتخاب شد",
  you: "شما",
  bot: "چاپار",
  operator: "کارشناس",
  system: "چاپار",
  typing: "کارشناس می‌نویسد…",
  operatorHere: "کارشناس این‌جاست",
  connecting: "در حال وصل شدن…",
  online: "آنلاین",
  offline: "اتصال قطع است؛ خودش دوباره وصل می‌شود.",
  crowded: "شلوغ است؛ کمی بعد خودش دوباره وصل می‌شود.",
  sending: "در حال فرستادن",
  failed: "فرستاده نشد",
  retry: "دوباره بفرست",
  late: "این منو دیگر تازه نیست؛ از آخرین منو انتخاب کنید.",
  too_long: "پیام بلندتر از اندازه است.",
  attach: "فرستادن فایل",
  file: "فایل",
  fileFailed: "فایل فرستاده نشد؛ دوباره بفرستید.",
  fileAway: "فایل باز نشد؛ کمی بعد دوباره بزنید.",
  files: "فایل پذیرفته نشد.",
  bytes: "{size} کیلوبایت",
  notices: "اعلان‌ها",
  noticesOn: "وقتی این صفحه باز نیست، پیام تازه را با اعلان خبر می‌دهیم.",
  noticesOff: "دیگر اعلانی نمی‌فرستیم.",
  noticesDenied: "مرورگر اجازه اعلان نداد؛ در تنظیمات آن برای این نشانی اجازه دهید.",
  noticesFailed: "این مرورگر اکنون اعلان نمی‌گیرد.",
  forget: "فراموش کردن این گفتگو",
  forgetSure: "مطمئنید؟ دوباره بزنید",
  forgotten: "این گفتگو از این دستگاه پاک شد.",
};

const en = {
  name: "Chat with Chapar",
  open: "Chat",
  openWith: "Chat, {count} new",
  close: "Close the chat",
  log: "Messages",
  hello: "Hello! Here you can file a complaint, follow a message, or talk with one of us.",
  begin: "Start",
  beginWord: "start",
  again: "New conversation",
  write: "Your message",
  placeholder: "Write a message…",
  send: "Send",
  options: "Options",
  chosen: "chosen",
  you: "You",
  bot: "Chapar",
  operator: "Operator",
  system: "Chapar",
  typing: "The operator is typing…",
  operatorHere: "An operator is here",
  connecting: "Connecting…",
  online: "Online",
  offline: "Not connected; it will connect again by itself.",
  crowded: "It is crowded; it will connect again by itself soon.",
  sending: "sending",
  failed: "not sent",
  retry: "Send again",
  late: "This menu is not the present one; choose from the last.",
  too_long: "The message is too long.",
  attach: "Send a file",
  file: "File",
  fileFailed: "The file was not sent; send it again.",
  fileAway: "The file could not be opened; try again in a while.",
  files: "The file was not accepted.",
  bytes: "{size} kB",
  notices: "Notifications",
  noticesOn: "While this page is closed, a notification tells you of new messages.",
  noticesOff: "No more notifications.",
  noticesDenied: "The browser did not allow notifications; allow them for this address in its settings.",
  noticesFailed: "This browser gets no notifications now.",
  forget: "Forget this conversation",
  forgetSure: "Sure? Press again",
  forgotten: "This conversation is gone from this device.",
};

const all = { fa, en };

/** `fa` or `en`, for whatever a page calls its language. */
export function languageOf(...wanted) {
  for (const name of wanted) {
    const code = (name ?? "").slice(0, 2).toLowerCase();
    if (code in all) return code;
  }
  return "fa";
}

/** Says words of one language: `words("openWith", { count: 2 })`. */
export function speaker(language) {
  return (name, values = {}) =>
    all[language][name].replace(/\{(\w+)\}/g, (_, key) => numeral(language, values[key]));
}

export function numeral(language, value) {
  return typeof value === "number" ? new Intl.NumberFormat(locale(language)).format(value) : String(value ?? "");
}

export function clock(language, milliseconds) {
  const moment = new Date(milliseconds);
  const today = moment.toDateString() === new Date().toDateString();
  const shape = { hour: "2-digit", minute: "2-digit", hour12: false };
  return new Intl.DateTimeFormat(locale(language), today ? shape : { ...shape, month: "short", day: "numeric" }).format(moment);
}

function locale(language) {
  return language === "fa" ? "fa-IR" : "en-GB";
}
