"""What a simulated modem answers, octet for octet, without a port: by TS 27.005 and 27.007, and with each fault."""

from __future__ import annotations

import pytest

from hal.fake.modem_dialogue import Dialogue
from hal.fake.modem_faults import ALWAYS
from hal.fake.modem_network import Network
from hal.fake.modem_pdu import content_of, submit
from hal.fake.modem_sim import Sim

BOX, OFFICE = "+33600000001", "+33600000100"
PDU = submit(OFFICE, content_of(bytes(range(140))))


class Line:
    """A modem of `BOX` and what is typed on it; time passes by `at_s`."""

    def __init__(self, network: Network | None = None, sim: Sim | None = None) -> None:
        self.network = network or Network()
        self.modem = Dialogue(self.network, sim or Sim(BOX), "350000000000001")
        self.network.attach(BOX, self.modem.take)
        self.at_s = 0.0
        assert self.ask("ATE0") == "ATE0\r\r\nOK\r\n"

    def heard(self) -> str:
        now = [octets for due_s, octets in self.modem.out if due_s <= self.at_s]
        self.modem.out = [entry for entry in self.modem.out if entry[0] > self.at_s]
        return b"".join(now).decode("latin-1")

    def ask(self, command: str) -> str:
        self.modem.hear(command.encode() + b"\r", self.at_s)
        return self.heard()

    def lines(self, command: str) -> list[str]:
        return self.ask(command).split()

    def send(self, pdu: bytes = PDU, length: int | None = None) -> str:
        self.ask("AT+CMGF=0")
        asked = self.ask(f"AT+CMGS={len(pdu) - 1 if length is None else length}")
        if asked != "\r\n> ":
            return asked.strip()
        self.modem.hear(pdu.hex().upper().encode() + b"\x1a", self.at_s)
        return self.heard().strip()


def test_echo_lasts_until_it_is_turned_off_and_what_is_unknown_is_said() -> None:
    line = Line()
    assert line.ask("AT") == "\r\nOK\r\n"
    assert line.ask("AT+MODE=2") == "\r\n+CME ERROR: 100\r\n"
    assert line.ask("at+cgsn") == "\r\n350000000000001\r\n\r\nOK\r\n"
    assert line.ask("AT,") == "\r\n+CME ERROR: 100\r\n"
    assert line.ask("noise") == ""
    assert line.ask("") == ""
    assert line.ask("ATE1") == "\r\nOK\r\n"
    assert line.ask("AT") == "AT\r\r\nOK\r\n"


def test_octets_may_come_one_by_one_and_be_no_letters() -> None:
    line = Line()
    for octet in b"AT+CIMI\r":
        line.modem.hear(bytes((octet,)), 0.0)
    assert line.heard() == "\r\n208010000000001\r\n\r\nOK\r\n"
    line.modem.hear(b"AT\xff\x00\x1b\x1a\r", 0.0)
    assert "ERROR" in line.heard()


def test_a_pdu_of_140_octets_goes_out_unchanged() -> None:
    line = Line()
    assert line.send() == "+CMGS: 1\r\n\r\nOK"
    assert line.send() == "+CMGS: 2\r\n\r\nOK"
    assert [taken.content.octets for taken in line.network.taken] == [bytes(range(140))] * 2
    assert {taken.to for taken in line.network.taken} == {OFFICE}


def test_a_pdu_that_is_cut_or_longer_than_announced_is_refused() -> None:
    line = Line()
    assert line.send(PDU[:-1], len(PDU) - 1) == "+CMS ERROR: 304"
    assert line.send(PDU + b"\0", len(PDU) - 1) == "+CMS ERROR: 304"
    assert line.send(b"") == "+CMS ERROR: 304"
    assert line.ask("AT+CMGS=x") == "\r\n+CMS ERROR: 304\r\n"
    line.ask("AT+CMGS=10")
    line.modem.hear(b"no hex\x1a", 0.0)
    assert line.heard() == "\r\n+CMS ERROR: 304\r\n"
    assert line.network.taken == []


def test_escape_leaves_the_prompt_and_sends_nothing() -> None:
    line = Line()
    line.ask("AT+CMGF=0")
    line.ask("AT+CMGS=154")
    line.modem.hear(b"0011\x1b", 0.0)
    assert line.heard() == "\r\nOK\r\n"
    assert line.lines("AT") == ["OK"]
    assert line.network.taken == []


def test_what_arrives_is_told_listed_read_and_deleted() -> None:
    line = Line()
    line.network.send(OFFICE, BOX, b"\x01\xff", 0.0)
    line.network.send("Orange", BOX, "été", 0.0)
    line.network.step(0.0)
    assert line.heard() == '\r\n+CMTI: "SM",1\r\n\r\n+CMTI: "SM",2\r\n'
    assert line.ask("AT+CMGL=4") == "\r\n+CMS ERROR: 305\r\n"  # it starts in text mode
    assert line.ask('AT+CMGL="ALL"').startswith('\r\n+CMGL: 1,"REC UNREAD","+33600000100",,"')
    line.ask("AT+CMGF=0")
    assert line.ask('AT+CMGL="ALL"') == "\r\n+CMS ERROR: 303\r\n"
    assert line.ask("AT+CPMS?") == '\r\n+CPMS: "SM",2,20,"SM",2,20,"SM",2,20\r\n\r\nOK\r\n'
    listed = line.lines("AT+CMGL=4")
    assert [listed[1], listed[4]] == ["1,0,,21", "2,0,,22"]  # read by nobody yet, octets after the service centre
    assert listed[2].endswith("0201FF")
    assert line.lines("AT+CMGR=1")[1] == "0,,21"
    assert line.lines("AT+CMGR=1")[1] == "1,,21"
    assert line.lines("AT+CMGD=1") == ["OK"]
    assert line.ask("AT+CMGR=1") == line.ask("AT+CMGD=7") == line.ask("AT+CMGR=") == "\r\n+CMS ERROR: 321\r\n"
    assert line.lines("AT+CMGD=1,4") == ["OK"]
    assert line.lines("AT+CMGL=4") == ["OK"]


def test_a_full_card_refuses_and_the_network_comes_again() -> None:
    line = Line(sim=Sim(BOX, capacity=2))
    for at in range(3):
        line.network.send(OFFICE, BOX, f"{at}", 0.0)
    line.network.step(0.0)
    assert len(line.modem.radio.sim.slots) == 2
    line.ask("AT+CMGD=1")
    line.network.step(60.0)
    assert len(line.modem.radio.sim.slots) == 2
    assert line.network.counts["delivered"] == 3


def test_a_receipt_comes_when_it_was_asked_for_and_the_modem_was_told_to_say_it() -> None:
    network = Network(delay_s=(5.0, 5.0))
    line = Line(network)
    network.attach(OFFICE, lambda *_: True)
    assert line.ask("AT+CNMI=2,1,0,2,0") == "\r\n+CMS ERROR: 305\r\n"
    line.ask("AT+CNMI=2,1,0,1,0")
    line.send(submit(OFFICE, content_of("ALARME"), wants_report=True))
    network.step(5.0)
    line.at_s = 5.0
    head, pdu = line.heard().split("\r\n")[1:3]
    assert head == f"+CDS: {len(pdu) // 2 - 8}"
    assert pdu.startswith("07913306009000F00601")  # STATUS-REPORT of reference 1
    assert pdu.endswith("00")  # delivered


def test_a_wrong_pin_costs_a_try_and_the_third_needs_the_puk() -> None:
    line = Line(sim=Sim(BOX, asks=True))
    assert line.lines("AT+CPIN?") == ["+CPIN:", "SIM", "PIN", "OK"]
    assert line.ask("AT+CIMI") == "\r\n+CME ERROR: 11\r\n"
    assert line.send() == line.ask("AT+CMGL=4").strip() == "+CMS ERROR: 311"
    for left in (2, 1, 0):
        assert line.ask('AT+CPIN="0000"') == "\r\n+CME ERROR: 16\r\n"
        assert f"SIM PIN,{left},3" in line.ask("AT+CPINR")
    assert line.lines("AT+CPIN?") == ["+CPIN:", "SIM", "PUK", "OK"]
    assert line.ask("AT+CIMI") == "\r\n+CME ERROR: 12\r\n"
    assert line.ask('AT+CPIN="1234"') == "\r\n+CME ERROR: 16\r\n"  # the right PIN does not help any more, and costs
    assert "SIM PUK,9,10" in line.ask("AT+CPINR")
    assert line.lines('AT+CPIN="12345678","4321"') == ["OK"]
    assert line.lines("AT+CPIN?") == ["+CPIN:", "READY", "OK"]
    line.modem.power(0.0)
    assert line.modem.radio.sim.state == "SIM PIN"
    line.ask("ATE0")
    assert line.lines('AT+CPIN="4321"') == ["OK"]
    assert line.ask('AT+CPIN="4321"') == "\r\n+CME ERROR: 16\r\n"  # asked for no more: no try is lost
    assert line.modem.radio.sim.pin_tries == 3


def test_ten_wrong_puks_are_the_end_of_a_card() -> None:
    sim = Sim(BOX, asks=True, pin_tries=0)
    line = Line(sim=sim)
    for _ in range(10):
        line.ask('AT+CPIN="00000000","1234"')
    assert line.ask("AT+CPIN?") == "\r\n+CME ERROR: 13\r\n"
    assert line.ask('AT+CPIN="12345678","1234"') == "\r\n+CME ERROR: 16\r\n"
    assert len(sim.tried) == 11


def test_the_question_for_a_pin_is_turned_off_by_the_pin_alone() -> None:
    line = Line(sim=Sim(BOX, asks=True))
    line.ask('AT+CPIN="1234"')
    assert "+CLCK: 1" in line.ask('AT+CLCK="SC",2')
    assert line.ask('AT+CLCK="SC",0,"0000"') == "\r\n+CME ERROR: 16\r\n"
    assert line.ask('AT+CLCK="SC"') == "\r\n+CME ERROR: 50\r\n"
    assert line.lines('AT+CLCK="SC",0,"1234"') == ["OK"]
    line.modem.power(0.0)
    assert line.modem.radio.sim.state == "READY"


@pytest.mark.parametrize("registration", [0, 2, 3])
def test_without_network_nothing_leaves_and_nothing_comes(registration: int) -> None:
    line = Line()
    line.modem.radio.registration = registration
    assert line.lines("AT+CREG?") == ["+CREG:", f"2,{registration}", "OK"]
    assert line.lines("AT+COPS?") == ["+COPS:", "0", "OK"]
    assert line.send() == "+CMS ERROR: 331"
    line.network.send(OFFICE, BOX, "later", 0.0)
    line.network.step(0.0)
    assert line.modem.radio.sim.slots == {}
    line.modem.radio.registration = 5
    line.network.step(30.0)
    assert len(line.modem.radio.sim.slots) == 1


def test_names_of_operators_are_in_the_alphabet_that_was_asked_for() -> None:
    line = Line()
    line.ask("AT+COPS=3,2")
    assert '2,"20801"' in line.ask("AT+COPS?")
    line.ask("AT+COPS=3,0")
    assert '0,"Fake mobile"' in line.ask("AT+COPS?")
    line.ask('AT+CSCS="HEX"')
    assert f'0,"{b"Fake mobile".hex().upper()}"' in line.ask("AT+COPS?")
    assert line.ask("AT+CSCS?") == '\r\n+CSCS: "HEX"\r\n\r\nOK\r\n'


def test_refusals_once_and_always_and_without_credit() -> None:
    line = Line()
    line.modem.faults.cms_once = [500, 38]
    assert [line.send(), line.send()] == ["+CMS ERROR: 500", "+CMS ERROR: 38"]
    line.modem.faults.cms_always = 38
    assert [line.send(), line.send()] == ["+CMS ERROR: 38"] * 2
    line.modem.faults.cms_always = 0
    line.network.credit[BOX] = 1
    assert line.send().endswith("OK")
    assert line.send() == "+CMS ERROR: 21"
    assert line.modem.messages.sends == 1


def test_a_lost_acknowledgement_leaves_the_message_in_the_network() -> None:
    line = Line()
    line.modem.faults.lost_acks = 1
    assert line.send() == ""
    assert line.send() == "+CMGS: 2\r\n\r\nOK"
    line.modem.faults.lost_acks = ALWAYS
    assert [line.send(), line.send()] == ["", ""]
    assert line.network.counts["taken"] == 4


def test_damaged_replies_are_damaged_once_each() -> None:
    line = Line()
    line.modem.faults.damaged = [("+CPMS", "truncated"), ("+CPMS", "garbled"), ("+CSQ", "swallowed")]
    whole = "\r\n+CPMS: 0,20,0,20,0,20\r\n\r\nOK\r\n"
    assert line.ask("AT+CSQ") == ""
    cut = line.ask('AT+CPMS="SM"')
    assert cut == whole[: len(whole) // 2]
    garbled = line.ask('AT+CPMS="SM"')
    assert len(garbled) == len(whole)
    assert garbled != whole
    assert line.ask('AT+CPMS="SM"') == whole
    assert line.lines("AT+CSQ") == ["+CSQ:", "21,99", "OK"]


def test_a_slow_network_answers_when_it_is_time() -> None:
    line = Line()
    line.modem.faults.send_s = 8.0
    assert line.send() == ""
    line.at_s = 8.0
    assert line.heard() == "\r\n+CMGS: 1\r\n\r\nOK\r\n"


def test_chatter_stands_before_every_reply() -> None:
    line = Line()
    line.modem.faults.chatter = True
    assert line.ask("AT") == '\r\nRING\r\n\r\n+CREG: 1,"1F2A","0B33"\r\n\r\nOK\r\n'


def test_a_message_that_can_not_be_deleted_stays_though_it_says_ok() -> None:
    line = Line()
    line.network.send(OFFICE, BOX, "stays", 0.0)
    line.network.step(0.0)
    line.heard()
    line.modem.faults.undeletable = True
    assert line.lines("AT+CMGD=1") == ["OK"]
    assert line.lines("AT+CMGD=1,4") == ["OK"]
    assert list(line.modem.radio.sim.slots) == [1]


def test_what_hangs_hears_nothing_until_power_comes_back() -> None:
    line = Line()
    line.modem.faults.mute = "cmgs"
    assert line.lines("AT") == ["OK"]
    assert line.send() == ""
    assert line.ask("AT") == ""
    assert not line.modem.take(OFFICE, content_of("x"), 0.0)
    line.modem.faults.mute = ""
    assert line.ask("AT") == ""
    line.modem.power(0.0)
    assert line.ask("AT") == "AT\r\r\nOK\r\n"
    line.modem.faults.mute = "idle"
    assert line.ask("AT") == ""
    assert line.network.taken == []


def test_after_a_reboot_a_pdu_goes_out_as_a_text_to_its_length() -> None:
    line = Line()
    line.send()
    line.modem.power(0.0, b"\r\n^SYSSTART\r\n")
    assert line.heard() == "\r\n^SYSSTART\r\n"
    line.ask("ATE0")
    assert line.lines("AT+CMGF?") == ["+CMGF:", "1", "OK"]
    line.ask("AT+CMGS=154")
    line.modem.hear(PDU.hex().upper().encode() + b"\x1a", 0.0)
    assert line.heard().endswith("OK\r\n")
    went = line.network.taken[-1]
    assert (went.to, went.content.text) == ("154", PDU.hex().upper()[:160])


def test_credit_is_asked_of_the_network() -> None:
    line = Line()
    assert line.ask('AT+CUSD=1,"*123#",15') == "\r\nOK\r\n"
    line.at_s = 1.0
    assert line.heard() == '\r\n+CUSD: 0,"Credit 4.20 EUR",15\r\n'
    assert line.lines("AT+CUSD=2") == ["OK"]
