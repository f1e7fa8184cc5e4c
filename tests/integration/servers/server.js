// A server for Node: writes what each connection brought into a file of its own in DIRECTORY. Usage:
// node server.js PORT DIRECTORY [HOST]
const fs = require("fs");
const net = require("net");
const [port, directory, host = "127.0.0.1"] = process.argv.slice(2);
let number = 0;

net.createServer({ allowHalfOpen: true }, (connection) => {
  const parts = [];
  const name = `${directory}/whole-${number++}`;
  connection.on("data", (part) => parts.push(part));
  connection.on("error", () => {});
  connection.on("end", () => {
    fs.writeFileSync(`${directory}/part`, Buffer.concat(parts));
    fs.renameSync(`${directory}/part`, name);
    connection.end();
  });
}).listen(Number(port), host);
