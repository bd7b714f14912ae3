"""Hardware: samples, drivers, decoders and the simulators that stand in for devices. A leaf: it never imports edge."""
