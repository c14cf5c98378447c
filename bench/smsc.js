// What npm `smpp` does for a benchmark: an SMSC that takes messages, or one whose subscribers hold conversations.
// Its plan is JSON in the first argument; it prints a line when it listens and one of figures when it is done.
'use strict';
const smpp = require('smpp');
const plan = Object.assign({delay: 0, answers: null, phones: 64, seconds: 10, warmUp: 3, number: 989100000000}, JSON.parse(process.argv[2]));

for (const command of ['submit_sm', 'deliver_sm']) {
  smpp.commands[command].params.short_message.filter = {encode: (v) => v, decode: (v) => v};
}
const texts = (plan.answers || []).map((text) => Buffer.from(text, 'utf16le').swap16());
const dialled = Buffer.from('*733#', 'latin1');
const filed = Buffer.from(plan.filed || '', 'utf16le').swap16();
const phones = new Map(); // by number
const figures = {turns: 0, conversations: 0, wrong: 0, latencies: []};
let counted = false;
let over = false;
let next = plan.number;

function now() {
  return Number(process.hrtime.bigint()) / 1e6;
}

function send(session, phone) {
  const first = phone.step === 0;
  phone.sent = now();
  session.deliver_sm({
    service_type: 'USSD',
    source_addr: phone.number,
    destination_addr: '733',
    short_message: first ? dialled : texts[phone.step - 1],
    data_coding: first ? 0 : 8,
    ussd_service_op: first ? 1 : 18,
    its_session_info: phone.info,
  });
}

function begin(session) {
  const phone = {number: String(next++), step: 0, info: Buffer.from([1, 2])};
  phones.set(phone.number, phone);
  send(session, phone);
}

function shown(session, pdu) {
  const phone = phones.get(pdu.destination_addr);
  if (!phone) return;
  if (counted) {
    figures.turns += 1;
    figures.latencies.push(now() - phone.sent);
  }
  const last = phone.step === texts.length;
  const ends = pdu.ussd_service_op === 17;
  if (last !== ends || (last && !pdu.short_message.includes(filed))) figures.wrong += 1;
  if (!last && !ends) {
    phone.step += 1;
    return send(session, phone);
  }
  phones.delete(phone.number);
  if (counted) figures.conversations += 1;
  if (!over) begin(session);
}

function done() {
  over = true;
  counted = false;
  const all = figures.latencies.sort((a, b) => a - b);
  delete figures.latencies;
  figures.p50 = all[Math.floor(all.length * 0.5)] || 0;
  figures.p99 = all[Math.floor(all.length * 0.99)] || 0;
  figures.seconds = plan.seconds;
  console.log(JSON.stringify(figures));
}

let ids = 0;
const server = smpp.createServer((session) => {
  for (const kind of ['bind_transceiver', 'bind_transmitter', 'bind_receiver']) {
    session.on(kind, (pdu) => {
      session.send(pdu.response());
      if (!plan.answers) return;
      for (let n = 0; n < plan.phones; n += 1) begin(session);
      setTimeout(() => { counted = true; console.log('"counting"'); }, plan.warmUp * 1000);
      setTimeout(done, (plan.warmUp + plan.seconds) * 1000);
    });
  }
  session.on('submit_sm', (pdu) => {
    const answer = () => session.send(pdu.response({message_id: String(++ids)}));
    if (plan.delay) setTimeout(answer, plan.delay);
    else answer();
    if (plan.answers) shown(session, pdu);
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => session.send(pdu.response()));
  session.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({port: server.address().port})));
process.stdin.on('end', () => process.exit(0)).resume();
