// How does one function come to vfio-pci, and back to what it was?
#include "lab/passthrough/binding.h"

#include <fmt/format.h>

#include "harness/base/device_use.h"
#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* kVfioPci = "vfio-pci";

constexpr std::string_view kHowToGetRights =
    "changing a driver needs root. Without it: let root do it once (driverctl set-override BDF vfio-pci), and give the "
    "device to a group by a udev rule: SUBSYSTEM==\"vfio\", GROUP=\"kvm\", MODE=\"0660\"";

/// The device nodes that a driver made for the function: "/dev/nvme0", "/dev/snd/pcmC0D0p".
void add_nodes(const fs::path& folder, unsigned depth, std::vector<std::string>& nodes) {
  constexpr unsigned kDeepest = 8;
  std::error_code failed;
  for (const std::string& name : names_in(folder)) {
    const fs::path entry = folder / name;
    if (name == "uevent") {
      const std::string text = read_line(entry);
      for (const std::string_view line : split(text, '\n')) {
        if (line.starts_with("DEVNAME=")) nodes.push_back("/dev/" + std::string(line.substr(8)));
      }
    } else if (depth < kDeepest && !is_bdf(name) && !fs::is_symlink(entry, failed) && fs::is_directory(entry, failed)) {
      add_nodes(entry, depth + 1, nodes);
    }
  }
}

}  // namespace

fs::path Binding::device(const std::string& bdf) const { return root_ / "sys/bus/pci/devices" / bdf; }
fs::path Binding::driver_file(const std::string& driver, const char* file) const {
  return root_ / "sys/bus/pci/drivers" / driver / file;
}

TakenFunction Binding::look(const std::string& bdf) const {
  const std::string text = read_line(device(bdf) / "driver_override");
  return {.bdf = bdf,
          .driver = link_name(device(bdf) / "driver"),
          .driver_override = text == "(null)" ? "" : text,
          .num_vfs = static_cast<unsigned>(parse_u64(read_line(device(bdf) / "sriov_numvfs")).value_or(0)),
          .config = {}};
}

Result<void> Binding::check_rights(const TakenFunction& before) const {
  std::vector<fs::path> files;
  if (before.driver != kVfioPci) {
    files = {device(before.bdf) / "driver_override", root_ / "sys/bus/pci/drivers_probe"};
    if (!before.driver.empty()) files.push_back(driver_file(before.driver, "unbind"));
  }
  if (before.num_vfs > 0) files.push_back(device(before.bdf) / "sriov_numvfs");
  if (before.driver == kVfioPci) files.push_back(root_ / "dev/vfio" / link_name(device(before.bdf) / "iommu_group"));
  for (const fs::path& file : files) {
    if (writer_.may_write(file)) continue;
    return lab_error("rights", fmt::format("{} cannot be taken: no right to write {}", before.bdf, file.string()))
        .because(std::string(kHowToGetRights));
  }
  return {};
}

std::string Binding::who_has(const std::string& bdf) const {
  std::vector<std::string> nodes{"/dev/vfio/" + link_name(device(bdf) / "iommu_group")};
  std::error_code failed;
  add_nodes(fs::canonical(device(bdf), failed), 0, nodes);
  for (const std::string& name : names_in(device(bdf) / "vfio-dev")) nodes.push_back("/dev/vfio/devices/" + name);
  std::vector<std::string> said;
  for (const FileHolder& holder : holders_of(nodes, root_)) said.push_back(holder.describe());
  return said.empty() ? "nobody is seen to have it open" : join(said, ", ");
}

Result<void> Binding::unbind(const std::string& bdf, const std::string& driver, const Deadline& deadline) {
  auto done = writer_.write(driver_file(driver, "unbind"), bdf, deadline);
  if (done) return done;
  return std::move(done.error()).in(fmt::format("take {} from {} ({})", bdf, driver, who_has(bdf)));
}

Result<void> Binding::set_override(const std::string& bdf, const std::string& driver, const Deadline& deadline) {
  if (look(bdf).driver_override == driver) return {};
  // A lone newline is how an override is taken back.
  return in_context(writer_.write(device(bdf) / "driver_override", driver.empty() ? "\n" : driver, deadline),
                    [&] { return fmt::format("say that {} is for {}", bdf, driver.empty() ? "any driver" : driver); });
}

Result<void> Binding::set_vfs(const std::string& bdf, unsigned count, const Deadline& deadline) {
  const unsigned now = look(bdf).num_vfs;
  if (now == count) return {};
  const fs::path file = device(bdf) / "sriov_numvfs";
  // From one number to another leads only over none.
  if (now > 0) TRY_IN(fmt::format("remove {}'s virtual functions", bdf), writer_.write(file, "0", deadline));
  if (count == 0) return {};
  return in_context(writer_.write(file, std::to_string(count), deadline),
                    [&] { return fmt::format("make {}'s {} virtual functions", bdf, count); });
}

Result<void> Binding::to_vfio(const TakenFunction& before, const Deadline& deadline) {
  const std::string& bdf = before.bdf;
  if (look(bdf).driver == kVfioPci) return {};
  TRY(set_vfs(bdf, 0, deadline));
  TRY(set_override(bdf, kVfioPci, deadline));
  if (const std::string now = look(bdf).driver; !now.empty()) TRY(unbind(bdf, now, deadline));
  TRY_IN(fmt::format("give {} to vfio-pci", bdf), writer_.write(root_ / "sys/bus/pci/drivers_probe", bdf, deadline));
  const std::string now = look(bdf).driver;
  if (now == kVfioPci) return {};
  return lab_error("passthrough", fmt::format("{} was to be given to vfio-pci, but has {}", bdf,
                                              now.empty() ? "no driver" : "the driver " + now));
}

Result<void> Binding::back(const TakenFunction& before, const Deadline& deadline) {
  const std::string& bdf = before.bdf;
  std::error_code ignored;
  if (!fs::exists(device(bdf), ignored)) return lab_error("passthrough", fmt::format("{} is not there any more", bdf));
  const std::string now = look(bdf).driver;
  if (!now.empty() && now != kVfioPci && now != before.driver) {
    return lab_error("passthrough", fmt::format("{} has the driver {} now, which somebody else gave it", bdf, now));
  }
  if (now == kVfioPci && before.driver != kVfioPci) TRY(unbind(bdf, now, deadline));
  TRY(set_override(bdf, before.driver_override, deadline));
  if (!before.driver.empty() && look(bdf).driver != before.driver) {
    TRY_IN(fmt::format("give {} back to {}", bdf, before.driver),
           writer_.write(driver_file(before.driver, "bind"), bdf, deadline));
  }
  if (const std::string then = look(bdf).driver; then != before.driver) {
    return lab_error("passthrough",
                     fmt::format("{} was to be given back to '{}', but has '{}'", bdf, before.driver, then));
  }
  return before.num_vfs > 0 ? set_vfs(bdf, before.num_vfs, deadline) : Result<void>();
}

}  // namespace holdfast::lab
