// How does one function come to vfio-pci, and back to what it was?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "lab/passthrough/sysfs_writer.h"

namespace holdfast::lab {

/// What a function was before it was taken.
struct TakenFunction {
  std::string bdf;
  std::string driver;           ///< empty: none
  std::string driver_override;  ///< empty: none
  unsigned num_vfs = 0;
  std::string config;  ///< as `lspci -xxxx` writes it, so that it can be compared afterwards
};

/// The writes, in their order. Each looks first and writes only what is not so yet: after whatever part of the way was
/// gone, going on ends where it should.
class Binding {
 public:
  Binding(SysfsWriter& writer, std::filesystem::path root) : writer_(writer), root_(std::move(root)) {}

  /// As sysfs says it now, without the config space.
  TakenFunction look(const std::string& bdf) const;

  /// Errors: lab.rights naming the first file that this process cannot write, and what gives the right to.
  Result<void> check_rights(const TakenFunction& before) const;

  /// Its virtual functions go first, then its driver. Errors: lab.io, lab.timeout with who has the device open,
  /// lab.passthrough when the kernel bound something else.
  Result<void> to_vfio(const TakenFunction& before, const Deadline& deadline);

  /// Driver, override and virtual functions as they were. Leaves a function alone that somebody gave to a third driver
  /// meanwhile. Errors: as above.
  Result<void> back(const TakenFunction& before, const Deadline& deadline);

 private:
  std::filesystem::path device(const std::string& bdf) const;
  std::filesystem::path driver_file(const std::string& driver, const char* file) const;
  Result<void> unbind(const std::string& bdf, const std::string& driver, const Deadline& deadline);
  Result<void> set_override(const std::string& bdf, const std::string& driver, const Deadline& deadline);
  Result<void> set_vfs(const std::string& bdf, unsigned count, const Deadline& deadline);
  std::string who_has(const std::string& bdf) const;

  SysfsWriter& writer_;
  std::filesystem::path root_;
};

}  // namespace holdfast::lab
