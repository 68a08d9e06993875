// What does a target boot with beside its kernel, and how is it packed?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast {

/// What goes into a payload.
struct PayloadSpec {
  std::filesystem::path agent;               ///< static program that becomes /init
  std::vector<std::filesystem::path> files;  ///< carried as /holdfast/files/<sha256>
  std::filesystem::path modules;             ///< folder with the kernel's modules, or empty
};

/// An initramfs on disk.
struct Payload {
  std::filesystem::path path;
  std::string sha256;
  std::vector<std::string> absent_modules;  ///< wanted, but neither in the folder nor built in; empty without a folder
};

/// Writes an initramfs in one step (beside `path`, then renamed): the agent as /init, the files, the modules below
/// /holdfast/modules with their paths in load order in /holdfast/modules.list. Errors: lab.io, harness.usage and
/// lab.modules (see choose_modules), lab.missing-program for a compressed module.
Result<Payload> write_payload(const PayloadSpec& spec, const std::filesystem::path& path, const Deadline& deadline);

/// The payload of this content from the folder `cache`, written if it is not there. Any number of processes may ask at
/// once. What nobody has asked for in a week is removed.
Result<Payload> cached_payload(const PayloadSpec& spec, const std::filesystem::path& cache, const Deadline& deadline);

}  // namespace holdfast
