// Where do the files stand that say who may use a host, and who may change them now?
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "harness/base/file.h"
#include "lab/lease/records.h"

namespace holdfast::lab {

/// A host in the folder that all controllers of a lab share. The folder has to be there: one that was made because the
/// shared one is not mounted would be a lab of its own. It needs file locks that hold between all who share it (NFS 4,
/// or NFS 3 with its lock daemon).
struct LeasePlace {
  std::filesystem::path folder;
  std::string host;

  std::filesystem::path lease() const { return file(".lease"); }
  std::filesystem::path token() const { return file(".token"); }
  std::filesystem::path lock() const { return file(".lock"); }
  std::filesystem::path reservation() const { return file(".reserved"); }
  std::filesystem::path quarantine() const { return file(".quarantine"); }
  std::filesystem::path beat(uint64_t of_token) const;

 private:
  std::filesystem::path file(const char* extension) const { return folder / (host + extension); }
};

/// What the files say of the holder.
struct Standing {
  std::string lease_text = {};  ///< empty: nobody holds the host
  std::string beat_text = {};
  std::optional<LeaseRecord> lease = {};  ///< none though there is a text: it cannot be read
  std::optional<Beat> beat = {};
};

/// Nothing when there is no such file. A file that was replaced while it was read (NFS: ESTALE) is read again.
Result<std::optional<std::string>> read_if_there(const std::filesystem::path& path);
Result<void> remove_file(const std::filesystem::path& path);

/// Held for as long as it takes to read and change the files, never longer. Errors: lab.lease-folder (not there),
/// lab.lease-busy (somebody else had it until the deadline), harness.usage for a host whose name is no file name.
Result<FileLock> lock_place(const LeasePlace& place, const Deadline& deadline);

Result<Standing> read_standing(const LeasePlace& place);

/// A number that no holder of this host has had, written down before it is given; the lock is held. Errors:
/// lab.lease-token: the largest one so far cannot be told.
Result<uint64_t> next_token(const LeasePlace& place, const Standing& standing);

/// Removes the lease and all heartbeats; the token stays. The lock is held.
Result<void> clear_lease(const LeasePlace& place);

}  // namespace holdfast::lab
