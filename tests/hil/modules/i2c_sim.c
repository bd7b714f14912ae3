// SPDX-License-Identifier: GPL-2.0
/*
 * One or two simulated I2C adapters, each with an ADS1115 at 0x48, an SHT3x at 0x44 and chips of plain registers
 * elsewhere, for tests of what reads /dev/i2c-n. Faults befall the first adapter alone; the second shows that it is
 * another bus.
 *
 * Transfers take the time of 100 kHz. An address that is not acknowledged gives `nack_errno`: EREMOTEIO as on a
 * Raspberry Pi's adapter, or ENXIO as the kernel's fault-codes page recommends.
 *
 * Chips of plain registers are made by writing to a parameter: "76 d0 60" (address, first register, bytes; all hex) to
 * `bytes` for registers of a byte, to `words` for registers of two (the register's number stays while reading), to
 * `answers` for a chip that sends the same bytes whatever it is asked, to `commands` for one that answers commands of
 * two bytes ("62 ec05 ..."): no bytes means that it takes the command and sends nothing.
 */
#include <linux/delay.h>
#include <linux/fixp-arith.h>
#include <linux/i2c.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>

#define ADS 0x48
#define SHT 0x44
#define ADDRESSES 0x80
#define ADAPTERS 2
#define BYTE_US 90

static int adapters = 1;
module_param(adapters, int, 0444);
static int number[ADAPTERS] = { -1, -1 };
module_param_array(number, int, NULL, 0444);
MODULE_PARM_DESC(number, "n of /dev/i2c-n of each, known after loading");

static int nack_errno = EREMOTEIO;
module_param(nack_errno, int, 0644);
static int fault_addr = -1;
module_param(fault_addr, int, 0644);
MODULE_PARM_DESC(fault_addr, "address whose transfers fail; 0 for all, -1 for none");
static int fault_errno = ETIMEDOUT;
module_param(fault_errno, int, 0644);
MODULE_PARM_DESC(fault_errno, "how they fail; 0 when they are only slow");
static int fault_ms;
module_param(fault_ms, int, 0644);
MODULE_PARM_DESC(fault_ms, "how long such a call holds the bus; -1: the adapter's timeout; ends early when set to 0");
static int fault_times = -1;
module_param(fault_times, int, 0644);
MODULE_PARM_DESC(fault_times, "how often still; -1 for ever");
static int short_read;
module_param(short_read, int, 0644);
MODULE_PARM_DESC(short_read, "1: the last byte of every read is lost (the line floats: 0xff)");

static int ain_uv[4];
module_param_array(ain_uv, int, NULL, 0644);
MODULE_PARM_DESC(ain_uv, "voltages at the converter's inputs in microvolts");
static int ain_50hz_uv[4];
module_param_array(ain_50hz_uv, int, NULL, 0644);
MODULE_PARM_DESC(ain_50hz_uv, "peak of a sine of 50 Hz on top of them");
static int ads_stuck;
module_param(ads_stuck, int, 0644);
MODULE_PARM_DESC(ads_stuck, "1: a conversion never ends");

static int sht_t = 0x6666;
module_param(sht_t, int, 0644);
static int sht_rh = 0x8000;
module_param(sht_rh, int, 0644);
static int sht_bad_crc;
module_param(sht_bad_crc, int, 0644);
MODULE_PARM_DESC(sht_bad_crc, "1: of the temperature, 2: of the humidity, 3: of both");
static int sht_ms = 13;
module_param(sht_ms, int, 0644);

static int transfers;
module_param(transfers, int, 0444);

enum kind { NOBODY, BYTES, WORDS, ANSWERS, COMMANDS };

/* the same chips of plain registers stand on both */
static u8 kinds[ADDRESSES];
static u8 memory[ADDRESSES][512];

#define ANSWERS_KEPT 32

static struct answer {
	u8 address;
	u16 command;
	u8 length;
	u8 bytes[32];
} answers_kept[ANSWERS_KEPT];

struct bus {
	struct i2c_adapter adapter;
	u8 pointer[ADDRESSES];
	u16 command[ADDRESSES];
	u16 ads_config;
	u16 ads_limits[2];
	s16 ads_conversion;
	bool ads_busy;
	ktime_t ads_ready;
	bool sht_asked;
	bool sht_serial;
	ktime_t sht_ready;
};

static struct bus buses[ADAPTERS];

static int poke(const char *text, u8 kind)
{
	unsigned int address, first;
	const char *hex;
	u8 *to, byte;
	int at = 0, skip;

	if (sscanf(text, "%x %x %n", &address, &first, &skip) != 2 || address >= ADDRESSES || first > 0xff)
		return -EINVAL;
	if (address == ADS || address == SHT)
		return -EBUSY;
	to = &memory[address][kind == WORDS ? 2 * first : first];
	for (hex = text + skip; hex[0] && hex[0] != '\n'; hex += 2) {
		if (hex2bin(&byte, hex, 1) || to + at >= memory[address] + sizeof(memory[address]))
			return -EINVAL;
		to[at++] = byte;
	}
	kinds[address] = kind;
	return 0;
}

static int set_bytes(const char *text, const struct kernel_param *param)
{
	return poke(text, BYTES);
}

static int set_words(const char *text, const struct kernel_param *param)
{
	return poke(text, WORDS);
}

static int set_answers(const char *text, const struct kernel_param *param)
{
	return poke(text, ANSWERS);
}

static int set_commands(const char *text, const struct kernel_param *param)
{
	unsigned int address, command;
	struct answer *answer;
	const char *hex;
	int skip;

	if (sscanf(text, "%x %x %n", &address, &command, &skip) != 2 || address >= ADDRESSES || command > 0xffff)
		return -EINVAL;
	if (address == ADS || address == SHT)
		return -EBUSY;
	for (answer = answers_kept; answer->address; answer++)
		if (answer->address == address && answer->command == command)
			break;
	if (answer >= &answers_kept[ANSWERS_KEPT - 1])
		return -ENOSPC;
	answer->length = 0;
	for (hex = text + skip; hex[0] && hex[0] != '\n'; hex += 2)
		if (answer->length == sizeof(answer->bytes) || hex2bin(&answer->bytes[answer->length++], hex, 1))
			return -EINVAL;
	answer->command = command;
	answer->address = address;
	kinds[address] = COMMANDS;
	return 0;
}

static const struct kernel_param_ops bytes_ops = { .set = set_bytes };
static const struct kernel_param_ops words_ops = { .set = set_words };
static const struct kernel_param_ops answers_ops = { .set = set_answers };
module_param_cb(bytes, &bytes_ops, NULL, 0200);
module_param_cb(words, &words_ops, NULL, 0200);
module_param_cb(answers, &answers_ops, NULL, 0200);
static const struct kernel_param_ops commands_ops = { .set = set_commands };
module_param_cb(commands, &commands_ops, NULL, 0200);

/* ADS1115 data sheet, "Config register": bit 15 OS, 14..12 MUX, 11..9 PGA, 8 MODE, 7..5 DR */

static int ain_now_uv(int input, s64 now_ns)
{
	u32 phase;
	s64 sine; /* -1 to 1 is -2^31 to 2^31 */

	if (!ain_50hz_uv[input])
		return ain_uv[input];
	div_u64_rem(now_ns, NSEC_PER_SEC / 50, &phase);
	sine = fixp_sin32_rad(phase, NSEC_PER_SEC / 50);
	return ain_uv[input] + (int)(sine * ain_50hz_uv[input] >> 31);
}

/* The input as it was at this instant; the converter averages over a conversion, which is left out. */
static int ads_input_uv(struct bus *bus, s64 now_ns)
{
	static const u8 pairs[4][2] = { { 0, 1 }, { 0, 3 }, { 1, 3 }, { 2, 3 } };
	int mux = bus->ads_config >> 12 & 7;

	if (mux & 4)
		return ain_now_uv(mux & 3, now_ns);
	return ain_now_uv(pairs[mux][0], now_ns) - ain_now_uv(pairs[mux][1], now_ns);
}

static s64 ads_period_us(struct bus *bus)
{
	static const int rates[8] = { 8, 16, 32, 64, 128, 250, 475, 860 };

	return 1000000 / rates[bus->ads_config >> 5 & 7];
}

/* Ends the conversion that is due; in continuous mode the next one has begun at that same instant. */
static void ads_step(struct bus *bus)
{
	static const int full_scale_mv[8] = { 6144, 4096, 2048, 1024, 512, 256, 256, 256 };
	bool is_continuous = !(bus->ads_config & 0x100);
	ktime_t now = ktime_get();
	s64 counts;

	if (!bus->ads_busy || (ads_stuck && bus == &buses[0]) || ktime_before(now, bus->ads_ready))
		return;
	if (is_continuous)
		while (!ktime_before(now, ktime_add_us(bus->ads_ready, ads_period_us(bus))))
			bus->ads_ready = ktime_add_us(bus->ads_ready, ads_period_us(bus));
	counts = (s64)ads_input_uv(bus, ktime_to_ns(bus->ads_ready)) * 32768;
	counts = div_s64(counts, full_scale_mv[bus->ads_config >> 9 & 7] * 1000);
	bus->ads_conversion = clamp_t(s64, counts, -32768, 32767);
	bus->ads_busy = is_continuous;
	bus->ads_ready = ktime_add_us(bus->ads_ready, ads_period_us(bus));
}

static void ads_write(struct bus *bus, const u8 *bytes, int count)
{
	u16 word;

	bus->pointer[ADS] = bytes[0] & 3;
	if (count < 3)
		return;
	word = bytes[1] << 8 | bytes[2];
	if (bus->pointer[ADS] == 1) {
		ads_step(bus);
		bus->ads_config = word & 0x7fff;
		bus->ads_busy = word & 0x8000 || !(word & 0x100);
		bus->ads_ready = ktime_add_us(ktime_get(), ads_period_us(bus));
	} else if (bus->pointer[ADS] >= 2) {
		bus->ads_limits[bus->pointer[ADS] - 2] = word;
	}
}

static void ads_read(struct bus *bus, u8 *bytes, int count)
{
	u16 word;

	ads_step(bus);
	switch (bus->pointer[ADS]) {
	case 0:
		word = bus->ads_conversion;
		break;
	case 1:
		word = bus->ads_config | (bus->ads_busy ? 0 : 0x8000);
		break;
	default:
		word = bus->ads_limits[bus->pointer[ADS] - 2];
	}
	while (count--) {
		*bytes++ = word >> 8;
		word = word << 8 | 0xff;
	}
}

/* SHT3x data sheet 4.12: CRC-8, polynomial 0x31, start 0xff */

static u8 sht_crc(u16 word)
{
	u8 bytes[2] = { word >> 8, word };
	u8 crc = 0xff;
	int i, bit;

	for (i = 0; i < 2; i++) {
		crc ^= bytes[i];
		for (bit = 0; bit < 8; bit++)
			crc = crc & 0x80 ? crc << 1 ^ 0x31 : crc << 1;
	}
	return crc;
}

static bool sht_write(struct bus *bus, const u8 *bytes, int count)
{
	if (bus->sht_asked && ktime_before(ktime_get(), bus->sht_ready))
		return false;
	if (count == 2 && (bytes[0] == 0x24 || bytes[0] == 0x2c)) {
		bus->sht_asked = true;
		bus->sht_ready = ktime_add_ms(ktime_get(), sht_ms);
	}
	bus->sht_serial = count == 2 && bytes[0] == 0x37 && bytes[1] == 0x80;
	return true;
}

static bool sht_read(struct bus *bus, u8 *bytes, int count)
{
	static const u8 serial[6] = { 0xbe, 0xef, 0x92, 0xbe, 0xef, 0x92 }; /* the CRC's example in the data sheet */
	u8 frame[6] = { sht_t >> 8, sht_t, 0, sht_rh >> 8, sht_rh, 0 };
	int i;

	if (bus->sht_serial) {
		memcpy(bytes, serial, min(count, 6));
		return true;
	}
	if (!bus->sht_asked || ktime_before(ktime_get(), bus->sht_ready))
		return false;
	bus->sht_asked = false;
	frame[2] = sht_crc(sht_t) ^ (bus == &buses[0] && sht_bad_crc & 1 ? 0x5a : 0);
	frame[5] = sht_crc(sht_rh) ^ (bus == &buses[0] && sht_bad_crc & 2 ? 0x5a : 0);
	for (i = 0; i < count; i++)
		bytes[i] = i < 6 ? frame[i] : 0xff;
	return true;
}

static void plain_write(struct bus *bus, int address, const u8 *bytes, int count)
{
	int i, width = kinds[address] == WORDS ? 2 : 1;

	bus->pointer[address] = bytes[0];
	bus->command[address] = count > 1 ? bytes[0] << 8 | bytes[1] : bytes[0];
	if (kinds[address] == ANSWERS || kinds[address] == COMMANDS)
		return;
	for (i = 1; i < count && width * bytes[0] + i - 1 < sizeof(memory[address]); i++)
		memory[address][width * bytes[0] + i - 1] = bytes[i];
}

static void plain_read(struct bus *bus, int address, u8 *bytes, int count)
{
	int from = kinds[address] == ANSWERS ? 0 : kinds[address] == WORDS ? 2 * bus->pointer[address] : bus->pointer[address];
	int i;

	for (i = 0; i < count; i++)
		bytes[i] = from + i < sizeof(memory[address]) ? memory[address][from + i] : 0xff;
}

/* A chip of commands sends what belongs to the last one, and does not acknowledge where that has no answer. */
static bool command_read(struct bus *bus, int address, u8 *bytes, int count)
{
	struct answer *answer;
	int i;

	for (answer = answers_kept; answer->address; answer++)
		if (answer->address == address && answer->command == bus->command[address])
			break;
	for (i = 0; i < count; i++)
		bytes[i] = i < answer->length ? answer->bytes[i] : 0xff;
	return answer->address && answer->length;
}

static bool is_acknowledged(struct bus *bus, struct i2c_msg *message)
{
	bool is_read = message->flags & I2C_M_RD;

	if (message->addr >= ADDRESSES)
		return false;
	if (message->addr == SHT)
		return is_read ? sht_read(bus, message->buf, message->len) : sht_write(bus, message->buf, message->len);
	if (message->addr != ADS && kinds[message->addr] == NOBODY)
		return false;
	if (!message->len)
		return true;
	if (is_read && message->addr == ADS)
		ads_read(bus, message->buf, message->len);
	else if (is_read && kinds[message->addr] == COMMANDS)
		return command_read(bus, message->addr, message->buf, message->len);
	else if (is_read)
		plain_read(bus, message->addr, message->buf, message->len);
	else if (message->addr == ADS)
		ads_write(bus, message->buf, message->len);
	else
		plain_write(bus, message->addr, message->buf, message->len);
	return true;
}

/* Holds the bus as an adapter does that waits for a line; ends early when the fault is lifted. */
static int fail(struct i2c_adapter *adapter)
{
	ktime_t end = ktime_add_ms(ktime_get(), fault_ms < 0 ? jiffies_to_msecs(adapter->timeout) : fault_ms);

	if (fault_times > 0)
		fault_times--;
	while (fault_ms && ktime_before(ktime_get(), end))
		usleep_range(100, clamp_t(s64, ktime_us_delta(end, ktime_get()), 100, 100000));
	return -fault_errno;
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	struct bus *bus = container_of(adapter, struct bus, adapter);
	bool is_faulty = bus == &buses[0];
	int i, failed;

	for (i = 0; i < count; i++) {
		struct i2c_msg *message = &messages[i];

		transfers++;
		if (is_faulty && (fault_addr == 0 || fault_addr == message->addr) && fault_times) {
			failed = fail(adapter);
			if (failed)
				return failed;
		}
		usleep_range(BYTE_US * (message->len + 1), BYTE_US * (message->len + 1) + 20);
		if (!is_acknowledged(bus, message))
			return -nack_errno;
		if (is_faulty && short_read && message->flags & I2C_M_RD && message->len)
			message->buf[message->len - 1] = 0xff;
	}
	return count;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = { .master_xfer = transfer, .functionality = functionality };

static int __init i2c_sim_init(void)
{
	int n, failed;

	if (adapters < 1 || adapters > ADAPTERS)
		return -EINVAL;
	for (n = 0; n < adapters; n++) {
		struct bus *bus = &buses[n];

		bus->ads_config = 0x8583;
		bus->ads_limits[0] = 0x8000;
		bus->ads_limits[1] = 0x7fff;
		bus->adapter.owner = THIS_MODULE;
		bus->adapter.algo = &algorithm;
		snprintf(bus->adapter.name, sizeof(bus->adapter.name), "i2c_sim %d", n);
		failed = i2c_add_adapter(&bus->adapter);
		if (failed) {
			while (n--)
				i2c_del_adapter(&buses[n].adapter);
			return failed;
		}
		number[n] = bus->adapter.nr;
	}
	return 0;
}

static void __exit i2c_sim_exit(void)
{
	int n;

	for (n = 0; n < adapters; n++)
		i2c_del_adapter(&buses[n].adapter);
}

module_init(i2c_sim_init);
module_exit(i2c_sim_exit);
MODULE_DESCRIPTION("simulated I2C adapters with an ADS1115, an SHT3x and chips of plain registers");
MODULE_LICENSE("GPL");
