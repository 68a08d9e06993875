// What do all agents have in common, whatever carries their messages?
#include "harness/target.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <vector>

#include "harness/base/digest.h"
#include "harness/base/file.h"

namespace holdfast {

Error Agent::refused(const wire::Refusal& refusal) {
  Error error = refusal.origin == "kernel"   ? kernel_error("refused", refusal.what)
                : refusal.origin == "target" ? lab_error("target", refusal.what)
                                             : harness_error("refused", refusal.what);
  error.errnum = refusal.errnum;
  return error;
}

namespace {

/// The size of the pieces that a file is sent in: few round trips, and far from what a frame may carry.
constexpr size_t kPiece = size_t{1} << 20;

/// Up to kPiece bytes; fewer only at the end of the file.
Result<wire::Bytes> read_piece(int fd, const std::filesystem::path& file) {
  wire::Bytes piece(kPiece);
  size_t filled = 0;
  while (filled < piece.size()) {
    const ssize_t got = ::read(fd, piece.data() + filled, piece.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", file.string()), errno);
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  piece.resize(filled);
  return piece;
}

}  // namespace

Result<std::string> Agent::upload(const std::filesystem::path& file, const Deadline& deadline) {
  const std::string digest = TRY(sha256_file(file));
  const std::string context = fmt::format("sending {}", file.string());
  if (TRY_IN(context, call(wire::Have{.sha256 = digest}, deadline)).have) return digest;

  std::error_code failed;
  const uint64_t size = std::filesystem::file_size(file, failed);
  if (failed) return system_error(fmt::format("size of {}", file.string()), failed.value());
  const Fd fd = TRY(open_file(file, O_RDONLY));
  uint64_t offset = 0;
  do {
    wire::Bytes piece = TRY(read_piece(fd.get(), file));
    wire::Put put{.sha256 = digest, .total_size = size, .offset = offset, .blob = std::move(piece)};
    const uint64_t sent = offset + put.blob.size();
    if (put.blob.empty() && sent < size) {
      return lab_error("io", fmt::format("{} became shorter while it was sent", file.string()));
    }
    const wire::PutReply reply = TRY_IN(context, call(put, deadline));
    if (reply.received != sent) {
      return harness_error("wire", fmt::format("{}: the agent has {} bytes of {}", context, reply.received, sent));
    }
    offset = sent;
  } while (offset < size);
  return digest;
}

}  // namespace holdfast
