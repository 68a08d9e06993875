// How does a machine that is not there react to writes to its sysfs? For tests only.
#include "lab/passthrough/fake_kernel_test.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace fs = std::filesystem;

FakeKernel::FakeKernel(fs::path root) : root_(std::move(root)) {
  for (const std::string& bdf : names_in(root_ / "sys/bus/pci/devices")) native_[bdf] = driver_of(bdf);
  for (const char* file : {"bind", "unbind"}) {
    const fs::path home = root_ / "sys/bus/pci/drivers/vfio-pci";
    if (!make_dirs(home) || !write_file(home / file, "")) std::abort();
  }
  if (!write_file(root_ / "sys/bus/pci/drivers_probe", "")) std::abort();
}

std::string FakeKernel::driver_of(const std::string& bdf) const { return link_name(device(bdf) / "driver"); }

std::vector<std::string> FakeKernel::state() const {
  std::vector<std::string> lines;
  for (const std::string& bdf : names_in(root_ / "sys/bus/pci/devices")) {
    lines.push_back(fmt::format("{} driver={} override={} vfs={}", bdf, driver_of(bdf),
                                read_line(device(bdf) / "driver_override"), read_line(device(bdf) / "sriov_numvfs")));
  }
  return lines;
}

bool FakeKernel::may_write(const fs::path& file) const {
  std::error_code failed;
  return fs::exists(file, failed) && !forbidden.contains(fs::relative(file, root_, failed).string()) &&
         !forbidden.contains(file.lexically_relative(root_).string());
}

Result<void> FakeKernel::write(const fs::path& file, std::string_view text, const Deadline&) {
  if (dies_after >= 0 && writes >= dies_after) {
    if (const auto die = std::exchange(at_death, {})) die();
    return lab_error("killed", "nobody writes any more");
  }
  ++writes;
  const std::string name = file.lexically_relative(root_ / "sys/bus/pci").string();
  log.push_back(fmt::format("{} {}", name, trim(text)));
  return act(name, std::string(text));
}

Result<void> FakeKernel::act(const std::string& file, const std::string& text) {
  const auto parts = split(file, '/');
  if (file == "drivers_probe") {
    if (!is_bdf(text) || !driver_of(text).empty()) return {};
    const std::string wanted = read_line(device(text) / "driver_override");
    const std::string driver = wanted == "(null)" ? native_[text] : wanted;
    // drivers_probe keeps to itself what the driver answered.
    if (!driver.empty()) static_cast<void>(bind(driver, text).ok());
    return {};
  }
  if (parts.size() == 3 && parts[0] == "drivers" && parts[2] == "unbind") return unbind(std::string(parts[1]), text);
  if (parts.size() == 3 && parts[0] == "drivers" && parts[2] == "bind") return bind(std::string(parts[1]), text);
  if (parts.size() == 3 && parts[0] == "devices") {
    if (parts[2] == "sriov_numvfs") return set_vfs(std::string(parts[1]), text);
    if (parts[2] == "reset") return {};
    if (parts[2] == "driver_override") {
      return write_file(device(std::string(parts[1])) / "driver_override", text == "\n" ? "(null)\n" : text + "\n");
    }
  }
  return system_error("write to " + file, ENOENT);
}

Result<void> FakeKernel::unbind(const std::string& driver, const std::string& bdf) {
  if (driver_of(bdf) != driver) return system_error("unbind", ENODEV);
  if (hangs.contains(bdf)) return lab_error("timeout", "the kernel still blocks the write");
  if (parse_u64(read_line(device(bdf) / "sriov_numvfs")).value_or(0) > 0) return system_error("unbind", EBUSY);
  fs::remove(device(bdf) / "driver");
  fs::remove(root_ / "sys/bus/pci/drivers" / driver / bdf);
  if (driver == "vfio-pci") fs::remove(root_ / "dev/vfio" / link_name(device(bdf) / "iommu_group"));
  if (spoils.contains(bdf)) {
    std::string config = TRY(read_file(device(bdf) / "config"));
    config[0x0c] = spoils[bdf][0];
    return write_file(device(bdf) / "config", config);
  }
  return {};
}

Result<void> FakeKernel::bind(const std::string& driver, const std::string& bdf) {
  const std::string wanted = read_line(device(bdf) / "driver_override");
  const bool matches = wanted == "(null)" ? native_[bdf] == driver : wanted == driver;
  if (!matches || refuses.contains(bdf) || !driver_of(bdf).empty()) return system_error("bind", ENODEV);
  const fs::path home = root_ / "sys/bus/pci/drivers" / driver;
  fs::create_directory_symlink(home, device(bdf) / "driver");
  fs::create_directory_symlink(fs::canonical(device(bdf)), home / bdf);
  if (driver != "vfio-pci") return {};
  TRY(make_dirs(root_ / "dev/vfio"));
  return write_file(root_ / "dev/vfio" / link_name(device(bdf) / "iommu_group"), "");
}

Result<void> FakeKernel::set_vfs(const std::string& bdf, const std::string& count) {
  if (driver_of(bdf).empty() || driver_of(bdf) == "vfio-pci") return system_error("set numvfs", ENOENT);
  if (count != "0" && read_line(device(bdf) / "sriov_numvfs") != "0") return system_error("set numvfs", EBUSY);
  TRY(write_file(device(bdf) / "sriov_numvfs", count + "\n"));
  if (count == "0") {
    for (const std::string& name : names_in(root_ / "sys/bus/pci/devices")) {
      if (link_name(device(name) / "physfn") != bdf) continue;
      virtual_[name] = fs::read_symlink(device(name));
      fs::remove(device(name));
    }
  } else {
    for (const auto& [name, place] : virtual_) fs::create_directory_symlink(place, device(name));
    virtual_.clear();
  }
  return {};
}

}  // namespace holdfast::lab
