"""Infrastructure: machines, containers, data stores and the ways to them."""

from __future__ import annotations

from typing import Final

from neomon.dashboards import colours, events, thresholds, variables
from neomon.dashboards.board import Board, section
from neomon.dashboards.boards import containers, reach, requests
from neomon.dashboards.boards.datastores import panels as datastores
from neomon.dashboards.panels import bar_gauge, stat, timeseries
from neomon.dashboards.panels.frame import PanelBuilder
from neomon.dashboards.queries import now, rate, select, series

NODE: Final = 'job="node"'
INSTANCE: Final = 'instance=~"$instance"'
CPU: Final = "instance:node_cpu_utilisation:ratio5m"
MEMORY: Final = "instance:node_memory_utilisation:ratio"
DISK: Final = "instance_mountpoint:node_filesystem_utilisation:ratio"
DEVICES: Final = 'device!~"lo|veth.*|docker.*|br-.*|cni.*|cali.*"'
DISKS: Final = 'device!~"loop.*|z?ram.*|dm-.*|sr.*"'


def _now() -> tuple[PanelBuilder, ...]:
    wanted = select("up", NODE, INSTANCE)
    return (
        stat(
            "Machines down",
            "Machines whose node exporter did not answer. Anything but zero: try to reach the machine; everything on "
            "it is likely down too.",
            now(f"count({wanted}) - sum({wanted})", "Down"),
            unit="none",
            limit=thresholds.ANY_IS_CRITICAL,
            trend=False,
            no_value="no machines",
        ),
        requests.alerts_stat(
            "Alerts firing", "critical|warning", 'service=~"node|containers|postgresql|redis|blackbox"'
        ),
        stat(
            "Busiest CPU",
            "Share of all cores in use on the busiest machine. Amber above 80 %, where HighCpu fires.",
            series(f"max({select(CPU, INSTANCE)})", "CPU"),
            unit="percentunit",
            limit=thresholds.CPU,
            decimals=1,
        ),
        stat(
            "Fullest memory",
            "Share of memory in use on the fullest machine; caches count as free. Red above 90 %, where MemoryCritical "
            "fires: the kernel will soon kill the largest process.",
            series(f"max({select(MEMORY, INSTANCE)})", "Memory"),
            unit="percentunit",
            limit=thresholds.MEMORY,
            decimals=1,
        ),
        stat(
            "Fullest disk",
            "Share in use of the fullest file system. Amber above 80 %, red above 90 %, where DiskSpaceLow and "
            "DiskSpaceCritical fire.",
            series(f"max({select(DISK, INSTANCE)})", "Disk"),
            unit="percentunit",
            limit=thresholds.DISK,
            decimals=1,
        ),
        stat(
            "Next certificate expires in",
            "Time until the first certificate expires. Amber below 30 days, where CertificateExpiring fires: renew it, "
            "then check that the service loaded the new one.",
            now(f"min({select('probe_ssl_earliest_cert_expiry')}) - time()", "Left"),
            unit="s",
            limit=thresholds.CERTIFICATE,
            trend=False,
            no_value="no TLS probes",
        ),
    )


def _cpu() -> tuple[PanelBuilder, ...]:
    busy = 'mode!~"idle|iowait"'
    return (
        timeseries(
            "CPU usage",
            "Share of all cores in use, by machine. The dashed line is 80 %, where HighCpu fires: the container stats "
            "below show who uses it.",
            series(select(CPU, INSTANCE), "{{instance}}"),
            unit="percentunit",
            limit=thresholds.CPU,
            maximum=1,
            w=8,
        ),
        timeseries(
            "CPU by mode",
            "Cores kept busy by user programs, the kernel, and so on. Much system time is many small calls or "
            "interrupts; steal means the host is oversold.",
            series(f"sum by (mode) ({rate('node_cpu_seconds_total', INSTANCE, busy)})", "{{mode}}"),
            unit="short",
            stacked=True,
            w=8,
        ),
        timeseries(
            "Load against cores",
            "Processes that run or wait, as a share of the cores, one- and fifteen-minute average. Above 1 for long, "
            "work queues up; high load with low CPU usage is waiting for a disk.",
            series(f"{select('node_load1', INSTANCE)} / on (instance) {_cores()}", "{{instance}} 1 min"),
            series(f"{select('node_load15', INSTANCE)} / on (instance) {_cores()}", "{{instance}} 15 min"),
            unit="percentunit",
            w=8,
        ),
    )


def _cores() -> str:
    mode = 'mode="idle"'
    return f"count by (instance) ({select('node_cpu_seconds_total', INSTANCE, mode)})"


def _memory() -> tuple[PanelBuilder, ...]:
    total, available = (
        select("node_memory_MemTotal_bytes", INSTANCE),
        select("node_memory_MemAvailable_bytes", INSTANCE),
    )
    cache = f"{select('node_memory_Cached_bytes', INSTANCE)} + {select('node_memory_Buffers_bytes', INSTANCE)}"
    faults = rate("node_vmstat_pgmajfault", INSTANCE)
    return (
        timeseries(
            "Memory usage",
            "Share of memory in use by machine, caches not counted. The dashed line is 90 %, where MemoryCritical "
            "fires: find the process that grows and restart it before the kernel picks one.",
            series(select(MEMORY, INSTANCE), "{{instance}}"),
            unit="percentunit",
            limit=thresholds.MEMORY,
            maximum=1,
            w=8,
        ),
        timeseries(
            "Memory by use",
            "What memory is used for, all chosen machines together. Caches give way to programs; when they are gone, "
            "disks slow down.",
            series(f"sum({total} - {available})", "programs"),
            series(f"sum({cache})", "caches"),
            series(f"sum({select('node_memory_MemFree_bytes', INSTANCE)})", "free"),
            unit="bytes",
            series_colours={"/programs/": colours.WARNING, "/caches/": colours.NEUTRAL, "/free/": colours.GOOD},
            w=8,
        ),
        timeseries(
            "Major page faults",
            "Pages each second that had to be read from disk. Steady high values mean that memory is too small for "
            "what runs here.",
            series(f"sum by (instance) ({faults})", "{{instance}}"),
            unit="ops",
            w=8,
        ),
    )


def _disk() -> tuple[PanelBuilder, ...]:
    io_time = rate("node_disk_io_time_seconds_total", INSTANCE, DISKS)
    read = select("instance_device:node_disk_read_bytes:rate5m", INSTANCE, DISKS)
    written = select("instance_device:node_disk_written_bytes:rate5m", INSTANCE, DISKS)
    return (
        bar_gauge(
            "Disk space",
            "Share in use of every file system, amber above 80 % and red above 90 %. Delete what can go, or grow the "
            "disk; a full disk stops databases.",
            now(f"sort_desc(max by (instance, mountpoint) ({select(DISK, INSTANCE)}))", "{{mountpoint}} {{instance}}"),
            unit="percentunit",
            limit=thresholds.DISK,
            maximum=1,
            w=6,
        ),
        timeseries(
            "Disk usage",
            "Share in use of every file system over time. The dashed lines are 80 % and 90 %. A steady climb can be "
            "extended by eye; DiskWillFill does so by arithmetic.",
            series(f"max by (instance, mountpoint) ({select(DISK, INSTANCE)})", "{{mountpoint}} {{instance}}"),
            unit="percentunit",
            limit=thresholds.DISK,
            maximum=1,
            w=6,
        ),
        timeseries(
            "Disk I/O",
            "Bytes read (upwards) and written (downwards) each second. A plateau is the disk's limit.",
            series(f"sum by (instance, device) ({read})", "{{device}} {{instance}} read"),
            series(f"sum by (instance, device) ({written})", "{{device}} {{instance}} written"),
            unit="Bps",
            minimum=None,
            below_axis="/written/",
            w=6,
        ),
        timeseries(
            "Disk busy",
            "Share of time a disk had work. Near 100 % on a single spinning disk, requests queue; SSDs work in "
            "parallel and may still have room.",
            series(f"max by (instance, device) ({io_time})", "{{device}} {{instance}}"),
            unit="percentunit",
            maximum=1,
            w=6,
        ),
    )


def _network() -> tuple[PanelBuilder, ...]:
    received = select("instance:node_network_receive_bytes:rate5m", INSTANCE)
    sent = select("instance:node_network_transmit_bytes:rate5m", INSTANCE)
    device_in = rate("node_network_receive_bytes_total", INSTANCE, DEVICES)
    lost = " + ".join(
        f"sum by (instance) ({rate(f'node_network_{direction}_{kind}_total', INSTANCE, DEVICES)})"
        for direction in ("receive", "transmit")
        for kind in ("errs", "drop")
    )
    return (
        timeseries(
            "Network I/O",
            "Bytes received (upwards) and sent (downwards) each second, by machine. A plateau is the link's limit.",
            series(f"sum by (instance) ({received})", "{{instance}} received"),
            series(f"sum by (instance) ({sent})", "{{instance}} sent"),
            unit="Bps",
            minimum=None,
            below_axis="/sent/",
            w=8,
        ),
        timeseries(
            "Received by device",
            "Bytes received each second by network device, virtual ones left out. Shows which of several is full.",
            series(f"sum by (instance, device) ({device_in})", "{{device}} {{instance}}"),
            unit="Bps",
            w=8,
        ),
        timeseries(
            "Network errors and drops",
            "Packets lost each second to errors and full queues. Anything that lasts is a cable, a driver or an "
            "overloaded machine.",
            series(lost, "{{instance}}"),
            unit="pps",
            w=8,
        ),
    )


BOARD = Board(
    uid="infrastructure",
    description="Machines, containers and data stores: what is full, busy or out of reach.",
    tags=("infrastructure",),
    variables=(
        variables.datasource(),
        variables.environment(),
        variables.choices("instance", "Machine", "Machines to show", "up", NODE),
        variables.choices(
            "container", "Container", "Containers to show", "container_last_seen", 'name!=""', source="name"
        ),
    ),
    annotations=(
        events.DEPLOYMENTS,
        events.CONFIGURATION,
        events.BACKUPS,
        events.firing_alerts('service=~"node|containers|postgresql|redis|blackbox"'),
    ),
    sections=(
        section("The machines now", *_now()),
        section("CPU", *_cpu()),
        section("Memory", *_memory()),
        section("Disk", *_disk()),
        section("Network", *_network()),
        section("Containers", *containers.panels()),
        section("Data stores", *datastores()),
        section("Reachability", *reach.panels()),
    ),
)
