// What was the run doing when it was killed?
#include "reports/journal.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <tuple>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/event_codec.h"

namespace holdfast::reports {

namespace {

/// Whether the file ends within a line.
Result<bool> ends_cut(int fd) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size < 0) return system_error("find the end of the journal", errno);
  char last = '\n';
  if (size > 0 && ::pread(fd, &last, 1, size - 1) != 1) return system_error("read the end of the journal", errno);
  return last != '\n';
}

bool same_attempt(const Where& a, const Where& b) {
  return std::tie(a.target, a.id, a.attempt) == std::tie(b.target, b.id, b.attempt);
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::filesystem::path& file, OnTrouble on_trouble, Now now) {
  Fd fd = TRY_IN("journal", open_file(file, O_RDWR | O_CREAT | O_APPEND));
  const bool cut = TRY_IN(file.string(), ends_cut(fd.get()));
  return std::unique_ptr<Journal>(new Journal(std::move(fd), cut, std::move(on_trouble), std::move(now)));
}

void Journal::on(const Event& event) { trouble_.check(append(event)); }

Result<void> Journal::append(const Event& event) {
  // Every encoded event is an object with members, so the time can go in front of them.
  const std::string line =
      fmt::format("{}{{\"at\":\"{}\",{}\n", cut_ ? "\n" : "", iso_utc(now_()), encode(event).substr(1));
  cut_ = true;
  TRY_IN("journal", write_all(fd_.get(), line));
  cut_ = false;
  const bool sync = std::holds_alternative<Intent>(event) || std::holds_alternative<RunEnded>(event);
  if (sync && ::fdatasync(fd_.get()) != 0) return system_error("sync the journal", errno);
  return {};
}

JournalEvents parse_journal(std::string_view text) {
  constexpr std::string_view kBegin = R"({"at":")";
  constexpr size_t kTimeLength = 20;
  JournalEvents journal;
  int number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    auto event = decode_event(line);
    if (event) {
      const auto at = from_iso_utc(line.substr(std::min(line.size(), kBegin.size()), kTimeLength));
      journal.times.push_back(line.starts_with(kBegin) && at ? *at : WallClock::time_point());
      journal.events.push_back(*std::move(event));
    } else {
      ++journal.unreadable;
      const bool cut = !line.ends_with('}');
      if (!cut && journal.broken.empty()) journal.broken = fmt::format("line {}: {}", number, event.error().what);
    }
  }
  return journal;
}

Result<JournalEvents> read_journal(const std::filesystem::path& file) { return parse_journal(TRY(read_file(file))); }

std::vector<Intent> left_behind(const std::vector<Event>& events) {
  std::vector<Intent> open;
  for (const Event& event : events) {
    if (const auto* intent = std::get_if<Intent>(&event)) open.push_back(*intent);
    if (const auto* ended = std::get_if<AttemptEnded>(&event)) {
      std::erase_if(open, [&](const Intent& intent) { return same_attempt(intent.where, ended->where); });
    }
  }
  return open;
}

}  // namespace holdfast::reports
