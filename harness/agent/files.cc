// Which files were given to this target: carried in its payload, or sent?
#include "harness/agent/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "harness/agent/refusal.h"
#include "harness/base/file.h"

namespace holdfast::agent {
namespace fs = std::filesystem;

namespace {
bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Files that are sent may be run: nobody else may be able to put any there, or a link in the folder's place.
Result<void> make_own_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return system_error(fmt::format("create folder {}", folder.string()), errno);
  struct stat there{};
  if (::lstat(folder.c_str(), &there) != 0) return system_error(fmt::format("look at {}", folder.string()), errno);
  if (S_ISDIR(there.st_mode) && there.st_uid == ::geteuid() && (there.st_mode & 022) == 0) return {};
  return system_error(fmt::format("{} is not a folder of this user's own", folder.string()), EACCES);
}
}  // namespace

std::optional<fs::path> Files::find(const std::string& sha256) const {
  if (!is_sha256(sha256)) return std::nullopt;
  std::error_code ignored;
  for (const fs::path& folder : {carried_, work_}) {
    if (fs::is_regular_file(folder / sha256, ignored)) return folder / sha256;
  }
  return std::nullopt;
}

Result<Fd> Files::open(const std::string& sha256) const {
  const auto path = find(sha256);
  if (!path) return bad_request(fmt::format("there is no file {} on the target", sha256));
  return open_file(*path, O_RDONLY);
}

Result<void> Files::begin(const wire::Put& piece) {
  upload_.reset();
  if (!is_sha256(piece.sha256)) return bad_request(fmt::format("\"{}\" is no SHA-256 in hex", piece.sha256));
  TRY(make_own_folder(work_));
  upload_ = Upload{.sha256 = piece.sha256,
                   .total = piece.total_size,
                   .received = 0,
                   .fd = TRY(open_file(partial(), O_WRONLY | O_CREAT | O_TRUNC, 0600)),
                   .digest = {}};
  return {};
}

Result<void> Files::end(Upload done) const {
  done.fd.reset();
  std::error_code failed;
  const std::string digest = done.digest.hex();
  if (digest != done.sha256) {
    fs::remove(partial(), failed);
    return bad_request(fmt::format("the file that was sent as {} has the checksum {}", done.sha256, digest));
  }
  fs::rename(partial(), work_ / done.sha256, failed);
  if (failed) return system_error(fmt::format("name the file {}", done.sha256), failed.value());
  return {};
}

Result<wire::PutReply> Files::put(const wire::Put& piece) {
  if (piece.offset == 0) TRY(begin(piece));
  if (!upload_) return bad_request("a piece of a file came whose beginning did not");
  const bool next = upload_->sha256 == piece.sha256 && upload_->total == piece.total_size &&
                    upload_->received == piece.offset && piece.blob.size() <= piece.total_size - piece.offset;
  if (!next) {
    const uint64_t expected = upload_->received;
    upload_.reset();
    return bad_request(fmt::format("a piece of {} bytes at {} of {} came where {} was the next of the file",
                                   piece.blob.size(), piece.offset, piece.total_size, expected));
  }
  const std::string_view bytes(reinterpret_cast<const char*>(piece.blob.data()), piece.blob.size());
  auto written = write_all(upload_->fd.get(), bytes);
  if (!written) {
    upload_.reset();
    std::error_code ignored;
    fs::remove(partial(), ignored);
    return std::move(written.error()).in(fmt::format("keep {} bytes below {}", piece.total_size, work_.string()));
  }
  upload_->digest.add(bytes);
  upload_->received += bytes.size();
  const wire::PutReply reply{.received = upload_->received};
  if (upload_->received == upload_->total) {
    Upload done = std::move(*upload_);
    upload_.reset();
    TRY(end(std::move(done)));
  }
  return reply;
}

void Files::remove_work() const {
  std::error_code ignored;  // the agent is on its way out, and nobody reads what it says
  fs::remove_all(work_, ignored);
}

}  // namespace holdfast::agent
