"""A radio behind a line as a sniffer: every frame on a channel into a live pcap."""
