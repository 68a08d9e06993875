#!/usr/bin/env python3
# What stands in for a mail server in tests? It takes each message on loopback and appends it to a file.
#
# usage: mail_sink.py FILE. Prints its port, and ends with its standard input.
import socketserver
import sys
import threading


class Session(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink ESMTP")
        envelope = []
        while line := self.rfile.readline():
            word = line.strip().split(b" ")[0].upper()
            if word == b"DATA":
                self.say("354 go on")
                self.take(envelope)
                envelope = []
                self.say("250 taken")
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                if word in (b"MAIL", b"RCPT"):
                    envelope.append(line.strip())
                self.say("250 sink")

    def take(self, envelope):
        with open(sys.argv[1], "ab") as out:
            for line in envelope:
                out.write(line + b"\n")
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                out.write((line[1:] if line.startswith(b"..") else line).replace(b"\r\n", b"\n"))


server = socketserver.TCPServer(("127.0.0.1", 0), Session)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
