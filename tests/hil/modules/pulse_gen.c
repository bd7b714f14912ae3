// SPDX-License-Identifier: GPL-2.0
/*
 * A GPIO chip whose first 16 lines pulse by themselves, by the kernel's own timers: exact rates with bounce, at no cost
 * in the program under test. All lines rest high, as contacts to ground with a pull-up do; a pulse is low.
 *
 * Set `count`, `low_us`, `high_us`, `bounces` and `bounce_us` (arrays, a line each), then write 1 to `start`; `busy`
 * goes to 0 when the last pulse is out. With bounces = 3, each of the two edges of a pulse is followed by three short
 * returns to the level before it, bounce_us apart.
 */
#include <linux/gpio/driver.h>
#include <linux/hrtimer.h>
#include <linux/irq.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#define LINES 54
#define PULSING 16

static char *label = "pinctrl-bcm2711";
module_param(label, charp, 0444);
static int count[PULSING];
module_param_array(count, int, NULL, 0644);
MODULE_PARM_DESC(count, "pulses to send on each line");
static int low_us[PULSING];
module_param_array(low_us, int, NULL, 0644);
static int high_us[PULSING];
module_param_array(high_us, int, NULL, 0644);
static int bounces[PULSING];
module_param_array(bounces, int, NULL, 0644);
static int bounce_us[PULSING];
module_param_array(bounce_us, int, NULL, 0644);
static int sent[PULSING];
module_param_array(sent, int, NULL, 0444);
MODULE_PARM_DESC(sent, "pulses sent since the last start");
static int edges[PULSING];
module_param_array(edges, int, NULL, 0444);
MODULE_PARM_DESC(edges, "level changes since the last start, bounces included");

struct pulsing {
	struct hrtimer timer;
	int step; /* within a pulse: 0 is the falling edge, 1 to 2 * bounces its returns, and so on for the rising one */
};

static struct pulsing pulsing[PULSING];
static DECLARE_BITMAP(levels, LINES);
static unsigned int triggers[LINES];
static struct gpio_chip chip;
static struct platform_device *device;

static void set_level(unsigned int offset, bool level)
{
	unsigned int wanted = level ? IRQ_TYPE_EDGE_RISING : IRQ_TYPE_EDGE_FALLING;

	if (test_bit(offset, levels) == level)
		return;
	assign_bit(offset, levels, level);
	if (triggers[offset] & wanted)
		generic_handle_domain_irq(chip.irq.domain, offset);
}

static enum hrtimer_restart beat(struct hrtimer *timer)
{
	struct pulsing *own = container_of(timer, struct pulsing, timer);
	int n = own - pulsing;
	int half = 1 + 2 * bounces[n];
	bool is_low_half = own->step < half;
	int within = own->step % half;
	int wait_us = bounce_us[n];

	set_level(n, is_low_half == (within % 2 == 1));
	edges[n]++;
	if (within == half - 1)
		wait_us = (is_low_half ? low_us[n] : high_us[n]) - 2 * bounces[n] * bounce_us[n];
	if (++own->step == 2 * half) {
		own->step = 0;
		if (++sent[n] >= count[n])
			return HRTIMER_NORESTART;
	}
	hrtimer_add_expires_ns(timer, max(wait_us, 1) * (u64)NSEC_PER_USEC);
	return HRTIMER_RESTART;
}

static int set_start(const char *text, const struct kernel_param *param)
{
	int n;

	for (n = 0; n < PULSING; n++) {
		hrtimer_cancel(&pulsing[n].timer);
		set_level(n, true);
		pulsing[n].step = 0;
		sent[n] = 0;
		edges[n] = 0;
	}
	for (n = 0; n < PULSING && text[0] == '1'; n++)
		if (count[n] > 0)
			hrtimer_start(&pulsing[n].timer, ns_to_ktime(max(high_us[n], 1) * (u64)NSEC_PER_USEC), HRTIMER_MODE_REL_HARD);
	return 0;
}

static int get_busy(char *text, const struct kernel_param *param)
{
	int n, busy = 0;

	for (n = 0; n < PULSING; n++)
		busy += hrtimer_active(&pulsing[n].timer);
	return sprintf(text, "%d\n", busy);
}

static const struct kernel_param_ops start_ops = { .set = set_start };
static const struct kernel_param_ops busy_ops = { .get = get_busy };
module_param_cb(start, &start_ops, NULL, 0200);
module_param_cb(busy, &busy_ops, NULL, 0444);

static int get_direction(struct gpio_chip *gc, unsigned int offset)
{
	return GPIO_LINE_DIRECTION_IN;
}

static int direction_input(struct gpio_chip *gc, unsigned int offset)
{
	return 0;
}

static int get(struct gpio_chip *gc, unsigned int offset)
{
	return test_bit(offset, levels);
}

static int set_config(struct gpio_chip *gc, unsigned int offset, unsigned long config)
{
	switch (pinconf_to_config_param(config)) {
	case PIN_CONFIG_BIAS_PULL_UP:
	case PIN_CONFIG_BIAS_DISABLE:
		return 0;
	default:
		return -ENOTSUPP; /* so the kernel debounces by itself */
	}
}

static void no_mask(struct irq_data *data)
{
}

static int set_type(struct irq_data *data, unsigned int type)
{
	if (type & ~IRQ_TYPE_EDGE_BOTH)
		return -EINVAL;
	triggers[irqd_to_hwirq(data)] = type;
	return 0;
}

static void stop(struct irq_data *data)
{
	triggers[irqd_to_hwirq(data)] = 0;
}

static const struct irq_chip irq_chip = {
	.name = "pulse_gen",
	.irq_mask = no_mask,
	.irq_unmask = no_mask,
	.irq_set_type = set_type,
	.irq_shutdown = stop,
	.flags = IRQCHIP_IMMUTABLE,
	GPIOCHIP_IRQ_RESOURCE_HELPERS,
};

static int __init pulse_gen_init(void)
{
	int n, failed;

	device = platform_device_register_simple("pulse_gen", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	bitmap_fill(levels, LINES);
	for (n = 0; n < PULSING; n++) {
		hrtimer_init(&pulsing[n].timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
		pulsing[n].timer.function = beat;
	}
	chip.label = label;
	chip.parent = &device->dev;
	chip.owner = THIS_MODULE;
	chip.base = -1;
	chip.ngpio = LINES;
	chip.get_direction = get_direction;
	chip.direction_input = direction_input;
	chip.get = get;
	chip.set_config = set_config;
	gpio_irq_chip_set_chip(&chip.irq, &irq_chip);
	chip.irq.handler = handle_simple_irq;
	chip.irq.default_type = IRQ_TYPE_NONE;
	failed = gpiochip_add_data(&chip, NULL);
	if (failed)
		platform_device_unregister(device);
	return failed;
}

static void __exit pulse_gen_exit(void)
{
	int n;

	for (n = 0; n < PULSING; n++)
		hrtimer_cancel(&pulsing[n].timer);
	gpiochip_remove(&chip);
	platform_device_unregister(device);
}

module_init(pulse_gen_init);
module_exit(pulse_gen_exit);
MODULE_DESCRIPTION("a GPIO chip whose lines pulse by the kernel's timers");
MODULE_LICENSE("GPL");
