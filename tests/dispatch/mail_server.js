// A mail server of npm `smtp-server`: node mail_server.js <node_modules>. Prints its port, then each mail as a
// line of JSON. The recipient's name says what it does: 421, 450, 550 or drop.
const { SMTPServer } = require(process.argv[2] + "/smtp-server");

const answers = {
  421: "4.3.2 closing",
  450: "4.2.1 mailbox busy",
  550: "5.1.1 no such user",
};

function refusal(code, words) {
  const error = new Error(words);
  error.responseCode = Number(code);
  return error;
}

const server = new SMTPServer({
  authOptional: true,
  disableReverseLookup: true,
  disabledCommands: ["AUTH"],
  onRcptTo(address, session, done) {
    const name = address.address.split("@")[0];
    done(name in answers ? refusal(name, answers[name]) : null);
  },
  onData(stream, session, done) {
    const chunks = [];
    stream.on("data", (chunk) => chunks.push(chunk));
    stream.on("end", () => {
      const to = session.envelope.rcptTo.map((each) => each.address);
      const mail = { to, secure: session.secure, raw: Buffer.concat(chunks).toString("latin1") };
      if (process.argv[3] !== "quiet") process.stdout.write(JSON.stringify(mail) + "\n");
      if (to[0].startsWith("drop@")) {
        for (const connection of server.connections) connection._socket.destroy();
        return;
      }
      done(null, "queued as 1");
    });
  },
});
server.on("error", () => {});
server.listen(0, "127.0.0.1", () => process.stdout.write(server.server.address().port + "\n"));
