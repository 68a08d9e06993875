// How does a machine that is not there react to writes to its sysfs? For tests only.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lab/passthrough/sysfs_writer.h"

namespace holdfast::lab {

/// A tree of fake_sysfs.h with a kernel behind it that binds, unbinds and makes virtual functions as Linux does, says
/// no where it is told to, and whose user can be killed after any write.
class FakeKernel : public SysfsWriter {
 public:
  /// Remembers which driver each function has: that is the one that its ids match.
  explicit FakeKernel(std::filesystem::path root);

  Result<void> write(const std::filesystem::path& file, std::string_view text, const Deadline& deadline) override;
  bool may_write(const std::filesystem::path& file) const override;

  std::string driver_of(const std::string& bdf) const;
  /// Everything that a taking changes, one line per function: to see that all is as it was.
  std::vector<std::string> state() const;

  std::set<std::string> hangs;                ///< functions whose unbinding never ends
  std::set<std::string> refuses;              ///< functions that no driver takes
  std::set<std::string> forbidden;            ///< files that may not be written, below the root
  std::map<std::string, std::string> spoils;  ///< functions whose config space changes when they are unbound
  int writes = 0;                             ///< so far, accepted or not
  int dies_after = -1;                        ///< so many writes, and then none any more
  std::function<void()> at_death;             ///< called before the first write that is not done any more
  std::vector<std::string> log;

 private:
  Result<void> act(const std::string& file, const std::string& text);
  Result<void> unbind(const std::string& driver, const std::string& bdf);
  Result<void> bind(const std::string& driver, const std::string& bdf);
  Result<void> set_vfs(const std::string& bdf, const std::string& count);
  std::filesystem::path device(const std::string& bdf) const { return root_ / "sys/bus/pci/devices" / bdf; }

  std::filesystem::path root_;
  std::map<std::string, std::string> native_;
  std::map<std::string, std::filesystem::path> virtual_;  ///< virtual functions that are away, and where they were
};

}  // namespace holdfast::lab
