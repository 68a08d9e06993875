// What did the kernel log since a given record?
#include "harness/agent/kernel_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "harness/agent/refusal.h"
#include "harness/base/fd.h"
#include "harness/base/text.h"

namespace holdfast::agent {
namespace {

constexpr size_t kCap = size_t{1} << 20;

/// The kernel writes what is not printable, and the backslash, as \x and two hex digits.
std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  while (!text.empty()) {
    const auto code = text.starts_with("\\x") && text.size() >= 4 ? parse_u64(text.substr(2, 2), 16) : std::nullopt;
    plain += code ? static_cast<char>(*code) : text.front();
    text.remove_prefix(code ? 4 : 1);
  }
  return plain;
}

}  // namespace

std::optional<LogRecord> parse_log_record(std::string_view record) {
  // "6,339,5140900,-[,...];text\n key=value\n"; fields may be added before the semicolon.
  const size_t semicolon = record.find(';');
  if (semicolon == std::string_view::npos) return std::nullopt;
  const auto fields = split(record.substr(0, semicolon), ',');
  if (fields.size() < 4) return std::nullopt;
  const auto priority = parse_u64(fields[0]);
  const auto seq = parse_u64(fields[1]);
  const auto microseconds = parse_u64(fields[2]);
  if (!priority || !seq || !microseconds) return std::nullopt;
  std::string_view text = record.substr(semicolon + 1);
  text = text.substr(0, text.find('\n'));
  return LogRecord{.priority = static_cast<unsigned>(*priority),
                   .seq = *seq,
                   .microseconds = *microseconds,
                   .fragment = fields[3] == "c",
                   .text = unescape(text)};
}

bool LogText::add(const LogRecord& record) {
  constexpr uint64_t kSecond = 1'000'000;
  const std::string prefix =
      fmt::format("<{}>[{:5}.{:06}] ", record.priority, record.microseconds / kSecond, record.microseconds % kSecond);
  std::string added;
  const bool joined = open_line_ && record.fragment;
  if (open_line_ && !joined) added += '\n';
  bool first = true;
  for (const std::string_view line : split(record.text, '\n')) {
    if (!first) added += '\n';
    if (!first || !joined) added += prefix;
    added += line;
    first = false;
  }
  if (!record.fragment) added += '\n';
  if (text_.size() + added.size() + 1 > cap_) return false;
  text_ += added;
  open_line_ = record.fragment;
  return true;
}

std::string LogText::take() {
  if (open_line_) text_ += '\n';
  open_line_ = false;
  return std::exchange(text_, {});
}

Result<wire::KmsgReply> read_kernel_log(uint64_t from_seq) {
  const Fd kmsg(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!kmsg) return kernel_refused("open /dev/kmsg", errno);
  wire::KmsgReply reply{.next_seq = from_seq, .complete = true, .blob = {}};
  LogText text(kCap);
  std::array<char, 16384> piece;  // a read gives one whole record, or EINVAL when it does not fit
  while (true) {
    const ssize_t got = ::read(kmsg.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EPIPE) {  // overwritten before it was read: the next read goes on with the oldest
      reply.complete = false;
      continue;
    }
    if (got < 0 && errno != EAGAIN) return kernel_refused("read /dev/kmsg", errno);
    if (got <= 0) break;
    const auto record = parse_log_record(std::string_view(piece.data(), static_cast<size_t>(got)));
    if (!record || record->seq < reply.next_seq) continue;
    if (record->seq > reply.next_seq) reply.complete = false;
    if (!text.add(*record)) {
      reply.complete = false;
      break;
    }
    reply.next_seq = record->seq + 1;
  }
  const std::string lines = text.take();
  const auto* first = reinterpret_cast<const std::byte*>(lines.data());
  reply.blob.assign(first, first + lines.size());
  return reply;
}

}  // namespace holdfast::agent
