// What does a target boot with beside its kernel, and how is it packed?
#include "harness/payload/payload.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <functional>
#include <set>
#include <utility>

#include "harness/base/digest.h"
#include "harness/base/digest_memory.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/payload/payload_cpio.h"
#include "harness/payload/payload_modules.h"
#include "harness/payload/program_closure.h"
#include "harness/payload/remote_access.h"
#include "harness/wire/payload_layout.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

/// Changes whenever the same content is packed in another way, so that no older cache entry is taken for it.
constexpr std::string_view kLayout = "payload 3";
constexpr auto kUnusedFor = std::chrono::hours(24 * 7);
/// The folder, in a cache, of what is known of files that went into payloads.
constexpr const char* kMemory = "by-stat";

/// A file with its content's digest.
struct Hashed {
  fs::path path;
  std::string sha256;
};

/// What a payload is made of, and the digest of all of that.
struct Contents {
  Hashed agent;
  std::vector<Hashed> files;
  std::vector<Hashed> modules;  ///< in load order
  std::vector<Hashed> sshd;     ///< the program and what it needs, at the same places as here; empty: none
  std::vector<std::string> absent;
  std::string key;
};

/// `memory` may be null: then each file is read.
Result<Contents> look_at(const PayloadSpec& spec, const DigestMemory* memory, const Deadline& deadline) {
  const auto hash = [memory](const fs::path& path) -> Result<Hashed> {
    std::string sha256 = TRY(memory != nullptr ? memory->sha256_of(path) : sha256_file(path));
    return Hashed{.path = path, .sha256 = std::move(sha256)};
  };
  Contents contents;
  contents.agent = TRY_IN("the agent", hash(spec.agent));
  for (const fs::path& file : spec.files) contents.files.push_back(TRY(hash(file)));
  if (!spec.modules.empty()) {
    std::vector<std::string> wanted = payload_modules();
    wanted.insert(wanted.end(), spec.drivers.begin(), spec.drivers.end());
    ModuleChoice choice = TRY(choose_modules(spec.modules, wanted));
    for (const fs::path& file : choice.files) contents.modules.push_back(TRY(hash(file)));
    contents.absent = std::move(choice.absent);
  }
  if (spec.remote) {
    for (const fs::path& file : TRY(sshd_closure(deadline))) contents.sshd.push_back(TRY(hash(file)));
  }
  Digest key;
  key.add(kLayout).add(contents.agent.sha256);
  for (const Hashed& file : contents.files) key.add("file").add(file.sha256);
  for (const Hashed& file : contents.modules) key.add(module_name(file.path)).add(file.sha256);
  for (const Hashed& file : contents.sshd) key.add(file.path.string()).add(file.sha256);
  contents.key = key.hex();
  return contents;
}

Result<void> add_modules(CpioWriter& archive, const std::vector<Hashed>& modules, const Deadline& deadline) {
  std::string list;
  TRY(archive.folder("holdfast/modules"));
  for (const Hashed& module : modules) {
    const std::string name = fmt::format("holdfast/modules/{}.ko", module_name(module.path));
    TRY(archive.file(name, TRY(read_module(module.path, deadline))));
    list += fmt::format("/{}\n", name);
  }
  return archive.file("holdfast/modules.list", list);
}

/// The sshd where it is here, and who there is: root, whose shell is the agent, and the user that sshd becomes while it
/// does not yet know who speaks. No shadow file: nobody has a password.
Result<void> add_sshd(CpioWriter& archive, const std::vector<Hashed>& sshd) {
  std::set<fs::path> made{"/"};
  const std::function<Result<void>(const fs::path&)> make = [&](const fs::path& folder) -> Result<void> {
    if (!made.insert(folder).second) return {};
    TRY(make(folder.parent_path()));
    return archive.folder(folder.string().substr(1));
  };
  TRY(make("/etc"));
  TRY(archive.file("etc/passwd", "root:*:0:0:root:/:/init\nsshd:*:1:1:sshd:/run/sshd:/init\n"));
  TRY(archive.file("etc/group", "root:x:0:\nsshd:x:1:\n"));
  TRY(archive.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"));
  for (const Hashed& file : sshd) {
    TRY(make(file.path.parent_path()));
    TRY(archive.file_from(file.path.string().substr(1), file.path, file.sha256, 0755));
  }
  return {};
}

/// In an archive of their own, with a note of where it begins: a next kernel needs only what stands before. With a
/// network there is one boot's own archive behind both, which it needs as well.
Result<void> add_files(CpioWriter& archive, const Contents& contents) {
  if (contents.files.empty()) return {};
  if (contents.sshd.empty()) {
    const uint64_t vital = TRY(archive.next_archive());
    TRY(archive.file(std::string_view(wire::kVitalSizeFile).substr(1), fmt::format("{}\n", vital)));
  }
  for (const Hashed& file : contents.files) {
    TRY(archive.file_from(fmt::format("holdfast/files/{}", file.sha256), file.path, file.sha256, 0644));
  }
  return {};
}

Result<std::string> write_archive(const Contents& contents, const fs::path& path, const Deadline& deadline) {
  CpioWriter archive = TRY(CpioWriter::create(path));
  for (const char* name : {"dev", "proc", "sys", "tmp", "run", "holdfast", "holdfast/files"}) TRY(archive.folder(name));
  // Standard streams of /init, before it has mounted anything (Documentation/admin-guide/devices.txt).
  TRY(archive.character_device("dev/console", 5, 1));
  TRY(archive.character_device("dev/null", 1, 3, 0666));
  TRY(archive.character_device("dev/kmsg", 1, 11));
  TRY(archive.file_from("init", contents.agent.path, contents.agent.sha256, 0755));
  TRY(archive.file("holdfast/agent.sha256", contents.agent.sha256));  // an emulated CPU is slow at finding it out
  if (!contents.modules.empty()) TRY(add_modules(archive, contents.modules, deadline));
  if (!contents.sshd.empty()) TRY(add_sshd(archive, contents.sshd));
  TRY(add_files(archive, contents));
  return archive.finish();
}

/// Puts the one boot's part behind the archive `path`; gives the digest of both.
Result<std::string> append_remote_part(const RemoteAccess& remote, const fs::path& path) {
  if (::chmod(path.c_str(), 0600) != 0) return system_error(fmt::format("keep {} private", path.string()), errno);
  const fs::path part = path.string() + ".remote";
  auto written = write_remote_part(remote, part);
  const auto bytes = read_file(part);
  ::unlink(part.c_str());
  if (!written) return written;
  if (!bytes) return bytes.error();
  const Fd whole = TRY(open_file(path, O_WRONLY | O_APPEND));
  TRY_IN(path.string(), write_all(whole.get(), *bytes));
  return sha256_file(path);
}

/// Writes beside `path` and renames. The name beside it is unique, since threads and processes may write the same one.
Result<Payload> write_contents(const Contents& contents, const RemoteAccess* remote, const fs::path& path,
                               const Deadline& deadline) {
  const fs::path beside = fmt::format("{}.{}.new", path.string(), random_hex(8));
  auto digest = write_archive(contents, beside, deadline);
  if (digest && remote != nullptr) digest = append_remote_part(*remote, beside);
  if (digest && ::rename(beside.c_str(), path.c_str()) != 0) {
    digest = system_error(fmt::format("put {} into place", path.string()), errno);
  }
  if (!digest) {
    ::unlink(beside.c_str());
    return std::move(digest.error()).in("write a payload");
  }
  return Payload{.path = path, .sha256 = *digest, .absent_modules = contents.absent};
}

/// Removes entries that were not asked for in a long time, and parts that a killed writer left. Best effort: another
/// process may be doing the same.
void forget_unused(const fs::path& cache) {
  std::error_code ignored;
  const auto now = fs::file_time_type::clock::now();
  for (const fs::path& folder : {cache, cache / kMemory}) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const auto used = entry.last_write_time(ignored);
      if (!ignored && now - used > kUnusedFor && !entry.is_directory(ignored)) fs::remove(entry.path(), ignored);
    }
  }
}

}  // namespace

Result<Payload> write_payload(const PayloadSpec& spec, const fs::path& path, const Deadline& deadline) {
  const Contents contents = TRY(look_at(spec, nullptr, deadline));
  return write_contents(contents, spec.remote ? &*spec.remote : nullptr, path, deadline);
}

Result<Payload> cached_payload(const PayloadSpec& spec, const fs::path& cache, const Deadline& deadline) {
  const DigestMemory memory(cache / kMemory);
  const Contents contents = TRY(look_at(spec, &memory, deadline));
  const fs::path path = cache / (contents.key + ".cpio");
  const fs::path note = cache / (contents.key + ".sha256");
  std::error_code missing;
  fs::last_write_time(path, fs::file_time_type::clock::now(), missing);
  // The note is written after the archive: a whole note means a whole archive.
  if (const auto digest = read_file(note); !missing && digest && digest->size() == 64) {
    return Payload{.path = path, .sha256 = *digest, .absent_modules = contents.absent};
  }
  TRY(make_dirs(cache));
  forget_unused(cache);
  Payload payload = TRY(write_contents(contents, nullptr, path, deadline));
  TRY(write_file_atomic(note, payload.sha256));
  return payload;
}

}  // namespace holdfast
