// An SMSC by npm `smpp`. Orders come as JSON lines on standard input, what happens goes out as JSON lines.
'use strict';
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const plan = Object.assign(
  {
    password: 'secret', // what a bind must give
    bindStatus: 0, // or the status of every answer to a bind
    bindSilent: false, // or no answer at all
    statuses: [], // what the next submits are answered with; then 0
    silent: false, // submits are not answered
    delay: 0, // milliseconds before an answer
    hex: false, // ids in hex
    nack: false, // submits are answered by generic_nack
    deaf: false, // enquire_link is not answered
    numb: false, // unbind is not answered
    quick: null, // a delivery in the same packet as the answer to the bind
    redeliver: false, // deliveries that are not answered when a session ends come again at the next bind
    quiet: false, // submits are counted and not told one by one
    receipts: '', // 'text' or 'tlv': each submit that asks for a receipt gets one, as soon as it is answered
    receiptsVia: undefined, // by which of the sessions that receive; else by the last
  },
  JSON.parse(process.argv[2] || '{}'),
);
const sessions = new Map();
let names = 0;
let ids = 0;
let submits = 0;
let unanswered = 0;
let most = 0;
const pending = new Map(); // deliveries by name, until they are acknowledged
const asked = new Map();

function tell(event, more) {
  process.stdout.write(JSON.stringify(Object.assign({event}, more)) + '\n');
}

function plain(pdu) {
  const out = {};
  for (const key of Object.keys(pdu)) {
    let value = pdu[key];
    if (key === 'short_message' && value && value.message !== undefined) {
      out.udh = value.udh ? Buffer.concat(value.udh.map(Buffer.from)).toString('hex') : '';
      value = value.message;
    }
    if (key === 'message_payload' && value && value.message !== undefined) value = value.message;
    out[key] = Buffer.isBuffer(value) ? {hex: value.toString('hex')} : value;
  }
  return out;
}

function revived(given) {
  const out = {};
  for (const [key, value] of Object.entries(given)) {
    out[key] = value && value.hex !== undefined ? Buffer.from(value.hex, 'hex') : value;
  }
  return out;
}

function deliver(name, given, again) {
  const receiving = [...sessions.entries()].filter(([, one]) => one.receives);
  pending.set(name, given);
  if (!receiving.length) return tell('undelivered', {name});
  const [session, one] = receiving[given.via !== undefined ? given.via : receiving.length - 1];
  const pdu = new smpp.PDU('deliver_sm', revived(given.pdu));
  if (given.sequence) pdu.sequence_number = given.sequence;
  one.socket.send(pdu, (response) => {
    tell('acknowledged', {name, status: response.command_status, session, again: !!again});
    if (response.command_status === 0) pending.delete(name);
  });
}

function bound(session, one, kind) {
  return (pdu) => {
    tell('bind', {session, kind, pdu: plain(pdu)});
    if (plan.bindSilent) return;
    const status = plan.bindStatus || (pdu.password === plan.password ? 0 : smpp.ESME_RINVPASWD);
    const answer = pdu.response({command_status: status, system_id: 'smsc'});
    if (status !== 0) return void one.socket.send(answer, null, () => one.socket.close());
    one.receives = kind !== 'bind_transmitter';
    if (plan.quick) {
      const quick = new smpp.PDU('deliver_sm', revived(plan.quick));
      quick.sequence_number = 77;
      return void one.socket.socket.write(Buffer.concat([answer.toBuffer(), quick.toBuffer()]));
    }
    one.socket.send(answer);
    if (plan.redeliver && one.receives) {
      for (const [name, given] of [...pending]) deliver(name, given, true);
    }
  };
}

function receipt(pdu, id) {
  const given = {source_addr: pdu.destination_addr, destination_addr: pdu.source_addr, esm_class: 4};
  if (plan.receipts === 'tlv') Object.assign(given, {short_message: {hex: ''}, receipted_message_id: id, message_state: 2});
  else given.short_message = {hex: Buffer.from(`id:${id} sub:001 dlvrd:001 stat:DELIVRD err:000 text:`).toString('hex')};
  deliver(`receipt ${id}`, {pdu: given, via: plan.receiptsVia});
}

function submitted(session, one) {
  return (pdu) => {
    submits += 1;
    unanswered += 1;
    most = Math.max(most, unanswered);
    if (!plan.quiet) tell('submit', {session, pdu: plain(pdu), at: Date.now()});
    if (plan.silent) return;
    const status = plan.statuses.length ? plan.statuses.shift() : 0;
    const answer = () => {
      unanswered -= 1;
      ids += 1;
      if (plan.nack) {
        return one.socket.send(new smpp.PDU('generic_nack', {sequence_number: pdu.sequence_number, command_status: 3}));
      }
      const id = plan.hex ? ids.toString(16).toUpperCase().padStart(8, '0') : `id-${ids}`;
      one.socket.send(pdu.response({command_status: status, message_id: status ? '' : id}));
      if (plan.receipts && !status && pdu.registered_delivery) receipt(pdu, id);
    };
    if (plan.delay) setTimeout(answer, plan.delay);
    else answer();
  };
}

// Messages stay octets, whatever their data_coding: what is on the wire is what is tested.
for (const command of ['submit_sm', 'deliver_sm']) {
  smpp.commands[command].params.short_message.filter = {encode: (v) => v, decode: (v) => v};
}
smpp.tlvs.message_payload.filter = {encode: (v) => v, decode: (v) => v};

function connected(socket) {
  const session = ++names;
  const one = {socket, receives: false};
  sessions.set(session, one);
  tell('session', {session});
  for (const kind of ['bind_transmitter', 'bind_receiver', 'bind_transceiver']) {
    socket.on(kind, bound(session, one, kind));
  }
  socket.on('submit_sm', submitted(session, one));
  socket.on('enquire_link', (pdu) => {
    tell('enquire_link', {session});
    if (!plan.deaf) socket.send(pdu.response());
  });
  socket.on('unbind', (pdu) => {
    tell('unbind', {session});
    if (!plan.numb) socket.send(pdu.response(), null, () => socket.close());
  });
  socket.on('deliver_sm_resp', (pdu) => tell('deliver_sm_resp', {session, status: pdu.command_status, sequence: pdu.sequence_number}));
  socket.on('generic_nack', (pdu) => tell('generic_nack', {session, pdu: plain(pdu)}));
  socket.on('error', (error) => tell('error', {session, problem: String(error)}));
  socket.on('close', () => {
    sessions.delete(session);
    tell('close', {session});
  });
}

const orders = {
  plan: (order) => Object.assign(plan, order.plan),
  deliver: (order) => deliver(order.name, order),
  forget: (order) => [...pending.keys()].forEach((name) => name.startsWith(order.prefix) && pending.delete(name)),
  drop: (order) => sessions.forEach((one, name) => (order.via && order.via !== name) || one.socket.destroy()),
  raw: (order) => sessions.forEach((one) => one.socket.socket.write(Buffer.from(order.hex, 'hex'))),
  unbind: () => sessions.forEach((one) => one.socket.unbind(() => tell('unbound', {}))),
  enquire: () => sessions.forEach((one) => one.socket.enquire_link((pdu) => tell('alive', {status: pdu.command_status}))),
  count: () => tell('count', {submits, most, sessions: sessions.size}),
};

const options = process.env.SMSC_PEM ? {key: fs.readFileSync(process.env.SMSC_PEM), cert: fs.readFileSync(process.env.SMSC_PEM)} : {};
const server = smpp.createServer(options, connected);
server.on('tlsClientError', (error) => tell('error', {problem: String(error)}));
server.listen(Number(process.env.SMSC_PORT || 0), '127.0.0.1', () => tell('listening', {port: server.address().port}));
readline.createInterface({input: process.stdin}).on('line', (line) => {
  const order = JSON.parse(line);
  orders[order.order](order);
}).on('close', () => process.exit(0));
