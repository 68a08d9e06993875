// What does a target boot with beside its kernel, and how is it packed?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/payload/remote_access.h"

namespace holdfast {

/// What goes into a payload.
struct PayloadSpec {
  std::filesystem::path agent;               ///< static program that becomes /init
  std::vector<std::filesystem::path> files;  ///< carried as /holdfast/files/<sha256>
  std::filesystem::path modules;             ///< folder with the kernel's modules, or empty
  std::vector<std::string> drivers = {};     ///< modules wanted besides the usual ones: those of the management NIC
  std::optional<RemoteAccess> remote = {};   ///< reached by ssh; else by a virtio or serial port
};

/// An initramfs on disk.
struct Payload {
  std::filesystem::path path;
  std::string sha256;
  std::vector<std::string> absent_modules;  ///< wanted, but neither in the folder nor built in; empty without a folder
};

/// Writes an initramfs in one step (beside `path`, then renamed): the agent as /init, the files, the modules below
/// /holdfast/modules with their paths in load order in /holdfast/modules.list. With `remote` the file holds a private
/// key and is for its owner only. Errors: lab.io, harness.usage and lab.modules (see choose_modules),
/// lab.missing-program for a compressed module or when there is no sshd to carry.
Result<Payload> write_payload(const PayloadSpec& spec, const std::filesystem::path& path, const Deadline& deadline);

/// The payload of this content from the folder `cache`, written if it is not there. Any number of processes may ask at
/// once. What nobody has asked for in a week is removed. With `remote` there is all in it but what write_remote_part()
/// writes: an sshd, no key.
Result<Payload> cached_payload(const PayloadSpec& spec, const std::filesystem::path& cache, const Deadline& deadline);

/// Writes what is one boot's own, with its private key, as a further archive for its owner only; gives its SHA-256.
/// The kernel unpacks archives that stand one behind the other: the payload first, then this.
Result<std::string> write_remote_part(const RemoteAccess& remote, const std::filesystem::path& path);

}  // namespace holdfast
