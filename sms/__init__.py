"""GSM: sealed SMS of 140 octets between a box and its gateway, and a modem's own work in a child process.

The contract (filled by later work): `codec` packs reports channel-major, each message decodable alone (12 octets of
header, 120 of body, 8 of tag; pure, standard library only); `seal` is AES-CCM with the counter as nonce; `commands`
holds people's texts; `smsd` is the adapter to gammu-smsd's database; `modem` runs python-gammu in a child process with
a deadline, because it can block for minutes and is GPL. `import sms` loads nothing else. It never imports `edge`, so
that a bare server can take it.
"""
