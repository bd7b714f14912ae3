// SPDX-License-Identifier: GPL-2.0
/*
 * A simulated I2C adapter with an ADS1115 at 0x48, an SHT3x at 0x44 and chips of plain registers elsewhere, for tests
 * of what reads /dev/i2c-n.
 *
 * Transfers take the time of 100 kHz. An address that is not acknowledged gives `nack_errno`: EREMOTEIO as on a
 * Raspberry Pi's adapter, or ENXIO as the kernel's fault-codes page recommends.
 *
 * Chips of plain registers are made by writing to a parameter: "76 d0 60" (address, first register, bytes; all hex) to
 * `bytes` for registers of a byte, to `words` for registers of two (the register's number stays while reading), to
 * `answers` for a chip that sends the same bytes whatever it is asked.
 */
#include <linux/delay.h>
#include <linux/i2c.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>

#define ADS 0x48
#define SHT 0x44
#define ADDRESSES 0x80
#define BYTE_US 90

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
MODULE_PARM_DESC(fault_ms, "how long such a call holds the bus; ends early when set to 0");
static int fault_times = -1;
module_param(fault_times, int, 0644);
MODULE_PARM_DESC(fault_times, "how often still; -1 for ever");
static int short_read;
module_param(short_read, int, 0644);
MODULE_PARM_DESC(short_read, "1: the last byte of every read is lost (the line floats: 0xff)");

static int ain_uv[4];
module_param_array(ain_uv, int, NULL, 0644);
MODULE_PARM_DESC(ain_uv, "voltages at the converter's inputs in microvolts");
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
static int number = -1;
module_param(number, int, 0444);
MODULE_PARM_DESC(number, "n of /dev/i2c-n, known after loading");

enum kind { NOBODY, BYTES, WORDS, ANSWERS };

static u8 kinds[ADDRESSES];
static u8 memory[ADDRESSES][512];
static u8 pointer[ADDRESSES];

static u16 ads_config = 0x8583;
static u16 ads_limits[2] = { 0x8000, 0x7fff };
static s16 ads_conversion;
static bool ads_busy;
static ktime_t ads_ready;
static bool sht_asked;
static ktime_t sht_ready;

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

static const struct kernel_param_ops bytes_ops = { .set = set_bytes };
static const struct kernel_param_ops words_ops = { .set = set_words };
static const struct kernel_param_ops answers_ops = { .set = set_answers };
module_param_cb(bytes, &bytes_ops, NULL, 0200);
module_param_cb(words, &words_ops, NULL, 0200);
module_param_cb(answers, &answers_ops, NULL, 0200);

/* ADS1115 data sheet, "Config register": bit 15 OS, 14..12 MUX, 11..9 PGA, 8 MODE, 7..5 DR */

static int ads_input_uv(void)
{
	static const u8 pairs[4][2] = { { 0, 1 }, { 0, 3 }, { 1, 3 }, { 2, 3 } };
	int mux = ads_config >> 12 & 7;

	return mux & 4 ? ain_uv[mux & 3] : ain_uv[pairs[mux][0]] - ain_uv[pairs[mux][1]];
}

static void ads_step(void)
{
	static const int full_scale_mv[8] = { 6144, 4096, 2048, 1024, 512, 256, 256, 256 };
	s64 counts;

	if (!ads_busy || ads_stuck || ktime_before(ktime_get(), ads_ready))
		return;
	ads_busy = false;
	counts = div_s64((s64)ads_input_uv() * 32768, full_scale_mv[ads_config >> 9 & 7] * 1000);
	ads_conversion = clamp_t(s64, counts, -32768, 32767);
}

static void ads_write(const u8 *bytes, int count)
{
	static const int rates[8] = { 8, 16, 32, 64, 128, 250, 475, 860 };
	u16 word;

	pointer[ADS] = bytes[0] & 3;
	if (count < 3)
		return;
	word = bytes[1] << 8 | bytes[2];
	if (pointer[ADS] == 1) {
		ads_config = word & 0x7fff;
		if (word & 0x8000) {
			ads_busy = true;
			ads_ready = ktime_add_us(ktime_get(), 1000000 / rates[word >> 5 & 7]);
		}
	} else if (pointer[ADS] >= 2) {
		ads_limits[pointer[ADS] - 2] = word;
	}
}

static void ads_read(u8 *bytes, int count)
{
	u16 word;

	ads_step();
	switch (pointer[ADS]) {
	case 0:
		word = ads_conversion;
		break;
	case 1:
		word = ads_config | (ads_busy ? 0 : 0x8000);
		break;
	default:
		word = ads_limits[pointer[ADS] - 2];
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

static bool sht_write(const u8 *bytes, int count)
{
	if (sht_asked && ktime_before(ktime_get(), sht_ready))
		return false;
	if (count == 2 && (bytes[0] == 0x24 || bytes[0] == 0x2c)) {
		sht_asked = true;
		sht_ready = ktime_add_ms(ktime_get(), sht_ms);
	}
	return true;
}

static bool sht_read(u8 *bytes, int count)
{
	u8 frame[6] = { sht_t >> 8, sht_t, 0, sht_rh >> 8, sht_rh, 0 };
	int i;

	if (!sht_asked || ktime_before(ktime_get(), sht_ready))
		return false;
	sht_asked = false;
	frame[2] = sht_crc(sht_t) ^ (sht_bad_crc & 1 ? 0x5a : 0);
	frame[5] = sht_crc(sht_rh) ^ (sht_bad_crc & 2 ? 0x5a : 0);
	for (i = 0; i < count; i++)
		bytes[i] = i < 6 ? frame[i] : 0xff;
	return true;
}

static void plain_write(int address, const u8 *bytes, int count)
{
	int i, width = kinds[address] == WORDS ? 2 : 1;

	pointer[address] = bytes[0];
	if (kinds[address] == ANSWERS)
		return;
	for (i = 1; i < count && width * bytes[0] + i - 1 < sizeof(memory[address]); i++)
		memory[address][width * bytes[0] + i - 1] = bytes[i];
}

static void plain_read(int address, u8 *bytes, int count)
{
	int from = kinds[address] == ANSWERS ? 0 : kinds[address] == WORDS ? 2 * pointer[address] : pointer[address];
	int i;

	for (i = 0; i < count; i++)
		bytes[i] = from + i < sizeof(memory[address]) ? memory[address][from + i] : 0xff;
}

static bool is_acknowledged(struct i2c_msg *message)
{
	bool is_read = message->flags & I2C_M_RD;

	if (message->addr >= ADDRESSES)
		return false;
	if (message->addr == SHT)
		return is_read ? sht_read(message->buf, message->len) : sht_write(message->buf, message->len);
	if (message->addr != ADS && kinds[message->addr] == NOBODY)
		return false;
	if (!message->len)
		return true;
	if (is_read && message->addr == ADS)
		ads_read(message->buf, message->len);
	else if (is_read)
		plain_read(message->addr, message->buf, message->len);
	else if (message->addr == ADS)
		ads_write(message->buf, message->len);
	else
		plain_write(message->addr, message->buf, message->len);
	return true;
}

/* Holds the bus as an adapter does that waits for a line; ends early when the fault is lifted. */
static int fail(void)
{
	int left_ms;

	if (fault_times > 0)
		fault_times--;
	for (left_ms = fault_ms; left_ms > 0 && fault_ms; left_ms -= 100)
		msleep(min(left_ms, 100));
	return -fault_errno;
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int i, failed;

	for (i = 0; i < count; i++) {
		struct i2c_msg *message = &messages[i];

		transfers++;
		if ((fault_addr == 0 || fault_addr == message->addr) && fault_times) {
			failed = fail();
			if (failed)
				return failed;
		}
		usleep_range(BYTE_US * (message->len + 1), BYTE_US * (message->len + 1) + 20);
		if (!is_acknowledged(message))
			return -nack_errno;
		if (short_read && message->flags & I2C_M_RD && message->len)
			message->buf[message->len - 1] = 0xff;
	}
	return count;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = { .master_xfer = transfer, .functionality = functionality };
static struct i2c_adapter adapter = { .owner = THIS_MODULE, .algo = &algorithm, .name = "vigie i2c_sim" };

static int __init i2c_sim_init(void)
{
	int failed = i2c_add_adapter(&adapter);

	number = adapter.nr;
	return failed;
}

static void __exit i2c_sim_exit(void)
{
	i2c_del_adapter(&adapter);
}

module_init(i2c_sim_init);
module_exit(i2c_sim_exit);
MODULE_DESCRIPTION("simulated I2C adapter with an ADS1115, an SHT3x and chips of plain registers");
MODULE_LICENSE("GPL");
