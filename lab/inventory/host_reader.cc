// What does a [[host]] table say?
#include "lab/inventory/host_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/base/text.h"
#include "lab/inventory/access_reader.h"
#include "lab/inventory/forms.h"
#include "lab/inventory/sections.h"
#include "lab/passthrough/passed_device.h"
#include "lab/qemu/qemu_target.h"

namespace holdfast::lab {
namespace {

/// "8086:10d3"
Result<void> read_ids(const Table& table, HostDevice& device) {
  const std::string text = TRY(table.required_text("id"));
  const auto ids = parse_ids(text);
  if (!ids) {
    return table.error("id", fmt::format("'{}' is no vendor and device", text))
        .because("write it as `lspci -nn` does, like \"8086:10d3\"");
  }
  device.vendor = ids->vendor;
  device.id = ids->device;
  return {};
}

Result<HostDevice> read_device(const Table& table) {
  HostDevice device;
  device.declared_at = table.at();
  device.device.role = TRY(read_name(table, "role"));
  if (table.has("bdf") == table.has("id")) {
    return error_at(table.at(), fmt::format("device {} needs either bdf or id", device.device.role))
        .because("bdf = \"0000:03:00.0\" is where it is; id = \"8086:10d3\" looks for the only one of that kind");
  }
  if (table.has("bdf")) {
    device.device.bdf = TRY(parse_bdf(TRY(table.required_text("bdf")), table.at("bdf")));
  } else {
    TRY(read_ids(table, device));
  }
  device.device.model = TRY(table.text_or("model", device.device.role));
  device.device.traits = TRY(read_names(table, "traits"));
  return device;
}

bool same_place(const HostDevice& a, const HostDevice& b) {
  return a.device.bdf == b.device.bdf && a.vendor == b.vendor && a.id == b.id;
}

Result<void> read_devices(const Table& table, Host& host) {
  const auto devices = TRY(table.tables("device", sections::kDevice));
  for (const Table& one : devices) {
    HostDevice device = TRY(read_device(one));
    for (const HostDevice& other : host.devices) {
      if (other.device.role == device.device.role) {
        return one.error(
            "role", fmt::format("the role '{}' is taken: by the device at {}", device.device.role, other.declared_at));
      }
      if (same_place(device, other)) {
        return error_at(one.at(), fmt::format("device {} is the same as {} at {}", device.device.role,
                                              other.device.role, other.declared_at))
            .because("two of a kind are told apart by their bdf");
      }
    }
    if (std::ranges::find(host.never_touch, device.device.bdf) != host.never_touch.end()) {
      return one.error("bdf", fmt::format("{} is in never_touch: {}", device.device.bdf, table.at("never_touch")));
    }
    host.devices.push_back(std::move(device));
  }
  return {};
}

Result<void> read_kernels(const Table& table, Host& host) {
  const std::string payload = TRY(table.choice("payload", {"initramfs", "rootfs"}, "initramfs"));
  if (payload == "rootfs") host.payload = Host::Payload::kRootfs;
  host.kernel = TRY(read_kernel(table, "kernel"));
  host.next_kernel = TRY(read_kernel(table, "next_kernel"));
  host.modules = TRY(table.path("modules"));
  if (table.has("initrd")) {
    if (host.payload != Host::Payload::kRootfs) {
      return table.error("initrd", "initrd goes with payload = \"rootfs\": the other one is an initrd itself");
    }
    host.initrd = TRY(read_remote_path(table, "initrd"));
  }
  host.append = TRY(table.text_or("append", ""));
  for (const std::string_view word : split(host.append, ' ')) {
    if (!word.starts_with("holdfast.")) continue;
    return table.error("append", fmt::format("{} is for holdfast itself to say", word));
  }
  return {};
}

Result<void> read_work_dir(const Table& table, Host& host) {
  if (!table.has("work_dir")) return {};
  host.work_dir = TRY(read_remote_path(table, "work_dir"));
  if (host.work_dir.relative_path().has_parent_path()) return {};
  return table.error("work_dir", fmt::format("{} is not a folder to fill with files", host.work_dir.string()))
      .because("name one below, such as /var/tmp/holdfast");
}

}  // namespace

Result<Host> read_host(const Table& table) {
  Host host;
  host.declared_at = table.at();
  host.name = TRY(read_name(table, "name"));
  if (host.name == QemuConfig{}.name) {
    return table.error("name", fmt::format("'{}' is the built-in virtual machine", host.name));
  }
  host.tags = TRY(read_names(table, "tags"));
  for (const std::string_view lie : {"emulated", "hot-plug"}) {
    if (std::ranges::find(host.tags, lie) == host.tags.end()) continue;
    return table.error("tags", fmt::format("a host cannot be '{}': that is what virtual machines are", lie));
  }
  host.time_scale = TRY(read_time_scale(table));
  TRY(read_kernels(table, host));
  TRY(read_work_dir(table, host));
  const auto never_touch = TRY(table.texts("never_touch"));
  for (const std::string& bdf : never_touch) {
    host.never_touch.push_back(TRY(parse_bdf(bdf, table.at("never_touch"))));
  }
  const auto ssh = TRY(table.table("ssh", sections::kSsh));
  if (!ssh) return table.missing("ssh").because("write a table [host.ssh]");
  host.ssh = TRY(read_ssh(*ssh));
  const auto power = TRY(table.tables("power", sections::kPower, true));
  for (const Table& one : power) host.power.push_back(TRY(read_power(one)));
  const auto console = TRY(table.table("console", sections::kConsole));
  if (console) host.console = TRY(read_console(*console, host.power));
  TRY(read_devices(table, host));
  return host;
}

}  // namespace holdfast::lab
