// SPDX-License-Identifier: GPL-2.0
/*
 * One or two simulated 1-Wire masters with up to 32 thermometers each, for tests of what reads the kernel's w1_therm.
 *
 * A master answers slot by slot (touch_bit, reset_bus), so search, resolution, parasite supply and bulk conversion are
 * the kernel's own code. Each slot takes its time on the line: a bus is as slow here as on a wire.
 * Families: 10 DS18S20, 22 DS1822, 28 DS18B20, 3b DS1825, 42 DS28EA00 (Maxim data sheets, "ROM commands", "memory").
 *
 * Arrays of probes hold master 0 first: probe i of master m stands at 32 * m + i.
 */
#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/w1.h>

#define MASTERS 2
#define PROBES 32

enum fault {
	WELL,
	ABSENT,      /* cut off: no presence, no answer */
	POWER_ON,    /* lost its supply: does not convert, keeps 85 degrees and byte 6 at 0x0c */
	BAD_CRC,     /* one bit of each scratchpad arrives wrong */
	SILENT,      /* is found by a search and answers no function command */
	WEAK_SUPPLY, /* parasite supply too weak: all ones, 127.94 degrees */
	FLAKY,       /* every second scratchpad arrives damaged */
	CLONE,       /* measures, with other reserved bytes than a genuine part */
};

enum line { FREE, HELD_LOW, HELD_HIGH };

static int masters = 1;
module_param(masters, int, 0444);
MODULE_PARM_DESC(masters, "number of masters, 1 or 2");

static int probes[MASTERS] = { 1, 0 };
module_param_array(probes, int, NULL, 0444);
MODULE_PARM_DESC(probes, "probes of each master");

static int family[MASTERS * PROBES];
module_param_array(family, int, NULL, 0444);
MODULE_PARM_DESC(family, "family code of each probe; 0 is 0x28");

static int milli_c[MASTERS * PROBES];
module_param_array(milli_c, int, NULL, 0644);
MODULE_PARM_DESC(milli_c, "temperature of each probe in thousandths of a degree");

static int fault[MASTERS * PROBES];
module_param_array(fault, int, NULL, 0644);
MODULE_PARM_DESC(fault, "0 well 1 absent 2 power_on 3 bad_crc 4 silent 5 weak_supply 6 flaky 7 clone");

static int parasite[MASTERS * PROBES];
module_param_array(parasite, int, NULL, 0644);
MODULE_PARM_DESC(parasite, "1 where the probe has no supply of its own");

static int line[MASTERS];
module_param_array(line, int, NULL, 0644);
MODULE_PARM_DESC(line, "0 free, 1 held low, 2 held high or open");

static int conv_ms = 700;
module_param(conv_ms, int, 0644);
MODULE_PARM_DESC(conv_ms, "conversion at 12 bits; half of it for each bit less");

static int slot_us = 65;
module_param(slot_us, int, 0644);
MODULE_PARM_DESC(slot_us, "time of one slot on the line");

static int resets[MASTERS];
module_param_array(resets, int, NULL, 0444);
static int conversions[MASTERS];
module_param_array(conversions, int, NULL, 0444);
static int together[MASTERS];
module_param_array(together, int, NULL, 0444);
MODULE_PARM_DESC(together, "conversions that began by a command to all probes of the line");
static int scratchpads[MASTERS];
module_param_array(scratchpads, int, NULL, 0444);

enum state { IDLE, ROM_COMMAND, SEARCH, MATCH, READ_ROM, FUNCTION, READ_PAD, WRITE_PAD, BUSY, READ_SUPPLY };

struct probe {
	u8 rom[8];
	u8 pad[9];   /* what the chip holds */
	u8 sent[9];  /* what it sends at present */
	u8 eeprom[3];
	enum state state;
	int at;      /* bits of the present state that are over */
	u8 phase;    /* of a search: bit, its complement, the master's choice */
	u8 word;     /* command bits so far */
	bool converting;
	bool to_all; /* the master has addressed all probes */
	ktime_t ready;
	unsigned int reads;
};

struct bus {
	int number;
	ktime_t line_time; /* until when the line is used */
	struct probe probe[PROBES];
};

static struct bus buses[MASTERS];
static struct w1_bus_master handles[MASTERS];

static u8 crc8(const u8 *bytes, int count)
{
	u8 crc = 0;
	int bit;

	while (count--) {
		crc ^= *bytes++;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x8c : crc >> 1;
	}
	return crc;
}

static int index_of(const struct bus *bus, const struct probe *probe)
{
	return bus->number * PROBES + (int)(probe - bus->probe);
}

static bool has_config(const struct probe *probe)
{
	return probe->rom[0] != 0x10;
}

/* Lets the line's time pass; in pieces of a millisecond, for a guest whose idle time costs nothing. */
static void spend(struct bus *bus, unsigned int us)
{
	ktime_t now = ktime_get();
	s64 ahead_us;

	if (ktime_before(bus->line_time, now))
		bus->line_time = now;
	bus->line_time = ktime_add_us(bus->line_time, us);
	ahead_us = ktime_us_delta(bus->line_time, now);
	if (ahead_us >= 1000)
		usleep_range(ahead_us, ahead_us + 50);
}

static void power_on(struct probe *probe)
{
	static const u8 other[8] = { 0x50, 0x05, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10 };
	static const u8 half_degrees[8] = { 0xaa, 0x00, 0x4b, 0x46, 0xff, 0xff, 0x0c, 0x10 };

	memcpy(probe->pad, has_config(probe) ? other : half_degrees, 8);
	probe->pad[2] = probe->eeprom[0];
	probe->pad[3] = probe->eeprom[1];
	if (has_config(probe))
		probe->pad[4] = probe->eeprom[2];
	probe->converting = false;
}

static void put_temperature(struct probe *probe, int milli)
{
	int sixteenths = (milli * 16 + (milli < 0 ? -500 : 500)) / 1000;
	int undefined_bits, above, degrees;

	if (has_config(probe)) {
		undefined_bits = 3 - (probe->pad[4] >> 5 & 3);
		sixteenths = sixteenths >> undefined_bits << undefined_bits;
		probe->pad[0] = sixteenths;
		probe->pad[1] = sixteenths >> 8;
		probe->pad[6] = 0x10 - (sixteenths & 0x0f);
		return;
	}
	/* DS18S20: T = degrees - 0.25 + (16 - remain) / 16, with remain from 0 to 15 */
	above = sixteenths + 4 - 1;
	degrees = above >> 4;
	probe->pad[0] = degrees * 2;
	probe->pad[1] = degrees < 0 ? 0xff : 0;
	probe->pad[6] = 16 - (above - degrees * 16 + 1);
	probe->pad[7] = 16;
}

static void end_conversion(struct bus *bus, struct probe *probe)
{
	int index = index_of(bus, probe);

	if (!probe->converting || ktime_before(ktime_get(), probe->ready))
		return;
	probe->converting = false;
	if (fault[index] == POWER_ON)
		return;
	if (fault[index] == WEAK_SUPPLY) {
		probe->pad[0] = 0xff;
		probe->pad[1] = 0x07;
		probe->pad[6] = 0x0c;
		return;
	}
	put_temperature(probe, milli_c[index]);
}

static void prepare_pad(struct bus *bus, struct probe *probe)
{
	int kind = fault[index_of(bus, probe)];

	end_conversion(bus, probe);
	scratchpads[bus->number]++;
	memcpy(probe->sent, probe->pad, 8);
	if (kind == CLONE) {
		probe->sent[5] = 0x00;
		probe->sent[7] = 0x0c;
	}
	probe->sent[8] = crc8(probe->sent, 8);
	if (kind == BAD_CRC || (kind == FLAKY && probe->reads++ % 2 == 0))
		probe->sent[1] ^= 0x20;
}

static void start_conversion(struct bus *bus, struct probe *probe)
{
	int shift = has_config(probe) ? 3 - (probe->pad[4] >> 5 & 3) : 0;

	if (fault[index_of(bus, probe)] == POWER_ON)
		power_on(probe);
	probe->converting = true;
	probe->ready = ktime_add_ms(ktime_get(), conv_ms >> shift);
	conversions[bus->number]++;
	if (probe->to_all)
		together[bus->number]++;
}

static void go(struct probe *probe, enum state state)
{
	probe->state = state;
	probe->at = 0;
	probe->phase = 0;
	probe->word = 0;
}

static void rom_command(struct probe *probe)
{
	probe->to_all = probe->word == W1_SKIP_ROM;
	switch (probe->word) {
	case W1_SEARCH:
		return go(probe, SEARCH);
	case W1_MATCH_ROM:
		return go(probe, MATCH);
	case W1_READ_ROM:
		return go(probe, READ_ROM);
	case W1_SKIP_ROM:
		return go(probe, FUNCTION);
	default:
		return go(probe, IDLE);
	}
}

static void function_command(struct bus *bus, struct probe *probe)
{
	u8 word = probe->word;

	if (fault[index_of(bus, probe)] == SILENT)
		return go(probe, IDLE);
	switch (word) {
	case W1_CONVERT_TEMP:
		start_conversion(bus, probe);
		return go(probe, BUSY);
	case W1_READ_SCRATCHPAD:
		prepare_pad(bus, probe);
		return go(probe, READ_PAD);
	case W1_WRITE_SCRATCHPAD:
		return go(probe, WRITE_PAD);
	case W1_READ_PSUPPLY:
		return go(probe, READ_SUPPLY);
	case W1_COPY_SCRATCHPAD:
		memcpy(probe->eeprom, probe->pad + 2, 3);
		return go(probe, IDLE);
	case 0xb8: /* recall the EEPROM */
		memcpy(probe->pad + 2, probe->eeprom, has_config(probe) ? 3 : 2);
		return go(probe, IDLE);
	default:
		return go(probe, IDLE);
	}
}

static void write_pad(struct probe *probe)
{
	int byte = (probe->at - 1) / 8;

	if (byte == 2) /* configuration: only the two bits of the resolution can be changed */
		probe->pad[4] = (probe->pad[4] & 0x9f) | (probe->word & 0x60);
	else
		probe->pad[2 + byte] = probe->word;
	probe->word = 0;
	if (byte == (has_config(probe) ? 2 : 1))
		go(probe, IDLE);
}

/* Returns what this probe makes of the line in one slot: 0 when it pulls it low. `bit` is what the master writes. */
static u8 slot(struct bus *bus, struct probe *probe, u8 bit)
{
	u8 out = 1;

	switch (probe->state) {
	case ROM_COMMAND:
	case FUNCTION:
		probe->word |= bit << probe->at;
		if (++probe->at == 8) {
			if (probe->state == ROM_COMMAND)
				rom_command(probe);
			else
				function_command(bus, probe);
		}
		return 1;
	case SEARCH:
		out = probe->rom[probe->at / 8] >> probe->at % 8 & 1;
		if (probe->phase == 1)
			out ^= 1;
		if (probe->phase++ < 2)
			return out;
		probe->phase = 0;
		if (bit != out || ++probe->at == 64)
			go(probe, bit != out ? IDLE : FUNCTION);
		return 1;
	case MATCH:
		if (bit != (probe->rom[probe->at / 8] >> probe->at % 8 & 1))
			go(probe, IDLE);
		else if (++probe->at == 64)
			go(probe, FUNCTION);
		return 1;
	case READ_ROM:
		out = probe->rom[probe->at / 8] >> probe->at % 8 & 1;
		if (++probe->at == 64)
			go(probe, FUNCTION);
		return out;
	case READ_PAD:
		out = probe->sent[probe->at / 8] >> probe->at % 8 & 1;
		if (++probe->at == 72)
			go(probe, IDLE);
		return out;
	case WRITE_PAD:
		probe->word |= bit << probe->at % 8;
		if (++probe->at % 8 == 0)
			write_pad(probe);
		return 1;
	case BUSY: /* 0 until it is done; a probe without supply of its own can't pull the line */
		end_conversion(bus, probe);
		return !probe->converting || parasite[index_of(bus, probe)];
	case READ_SUPPLY:
		return !parasite[index_of(bus, probe)];
	default:
		return 1;
	}
}

static u8 touch_bit(void *handle, u8 bit)
{
	struct bus *bus = handle;
	u8 level = bit & 1;
	int i;

	spend(bus, slot_us);
	for (i = 0; i < probes[bus->number]; i++)
		if (fault[bus->number * PROBES + i] != ABSENT)
			level &= slot(bus, &bus->probe[i], bit & 1);
	if (line[bus->number] == HELD_LOW)
		return 0;
	return line[bus->number] == HELD_HIGH ? 1 : level;
}

/* Returns 0 for a presence pulse. A line that is held low looks like one, as on a master of a plain pin. */
static u8 reset_bus(void *handle)
{
	struct bus *bus = handle;
	bool is_present = false;
	int i;

	spend(bus, 960);
	resets[bus->number]++;
	for (i = 0; i < probes[bus->number]; i++) {
		struct probe *probe = &bus->probe[i];

		if (fault[index_of(bus, probe)] == ABSENT || line[bus->number] == HELD_LOW) {
			power_on(probe); /* what comes back later begins anew */
			go(probe, IDLE);
			continue;
		}
		end_conversion(bus, probe);
		go(probe, ROM_COMMAND);
		is_present = true;
	}
	if (line[bus->number] == HELD_LOW)
		return 0;
	return line[bus->number] == HELD_HIGH || !is_present;
}

static void make_probe(struct bus *bus, struct probe *probe)
{
	int index = index_of(bus, probe);

	probe->rom[0] = family[index] ? family[index] : 0x28;
	probe->rom[1] = index % PROBES + 1;
	probe->rom[2] = bus->number + 1;
	probe->rom[3] = 0x51;
	probe->rom[7] = crc8(probe->rom, 7);
	probe->eeprom[0] = 0x4b;
	probe->eeprom[1] = 0x46;
	probe->eeprom[2] = probe->rom[0] == 0x3b ? 0x70 : 0x7f; /* a DS1825 shows its address pins here */
	power_on(probe);
}

static int __init w1_sim_init(void)
{
	int m, i, failed;

	if (masters < 1 || masters > MASTERS)
		return -EINVAL;
	for (m = 0; m < masters; m++) {
		if (probes[m] < 0 || probes[m] > PROBES)
			return -EINVAL;
		buses[m].number = m;
		for (i = 0; i < PROBES; i++)
			make_probe(&buses[m], &buses[m].probe[i]);
		handles[m].data = &buses[m];
		handles[m].touch_bit = touch_bit;
		handles[m].reset_bus = reset_bus;
		failed = w1_add_master_device(&handles[m]);
		if (failed) {
			while (m--)
				w1_remove_master_device(&handles[m]);
			return failed;
		}
	}
	return 0;
}

static void __exit w1_sim_exit(void)
{
	int m;

	for (m = 0; m < masters; m++)
		w1_remove_master_device(&handles[m]);
}

module_init(w1_sim_init);
module_exit(w1_sim_exit);
MODULE_DESCRIPTION("simulated 1-Wire masters with thermometers");
MODULE_LICENSE("GPL");
