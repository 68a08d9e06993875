// What was the run doing when it was killed?
#include "reports/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

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
  // A file that was removed takes every word, and nobody will read one.
  struct stat facts{};
  if (sync && ::fstat(fd_.get(), &facts) == 0 && facts.st_nlink == 0) {
    return system_error("find the journal, which was removed while the run wrote it", ENOENT);
  }
  return {};
}

namespace {

/// Makes events of lines.
class LineReader {
 public:
  LineReader(const std::vector<std::string_view>& unwanted, const EventTaker& take)
      : unwanted_(unwanted), take_(take) {}

  void read(std::string_view line) {
    constexpr std::string_view kBegin = R"({"at":")";
    constexpr size_t kTimeLength = 20;
    ++number_;
    if (line.empty()) return;
    ++rest_.lines;
    // A line that was cut may be one of these: what is left of it says nothing.
    if (const auto name = told_name(line); !name.empty() && line.ends_with('}') && is_unwanted(name)) return;
    auto event = decode_event(line);
    if (!event) return refuse(line.ends_with('}') ? event.error().what : "");
    const auto at = from_iso_utc(line.substr(std::min(line.size(), kBegin.size()), kTimeLength));
    take_(*std::move(event), line.starts_with(kBegin) && at ? *at : WallClock::time_point());
  }
  /// A line that is no event; one that was cut by a kill has no `problem`.
  void refuse(std::string_view problem) {
    ++rest_.unreadable;
    if (!problem.empty() && rest_.broken.empty()) rest_.broken = fmt::format("line {}: {}", number_, problem);
  }
  JournalRest rest() const { return rest_; }

 private:
  bool is_unwanted(std::string_view name) const { return std::ranges::find(unwanted_, name) != unwanted_.end(); }

  const std::vector<std::string_view>& unwanted_;
  const EventTaker& take_;
  int number_ = 0;
  JournalRest rest_;
};

}  // namespace

Result<JournalRest> tell_journal(const std::filesystem::path& file, const std::vector<std::string_view>& unwanted,
                                 const EventTaker& take, const std::function<bool()>& go_on) {
  constexpr size_t kPiece = size_t{1} << 20;
  const Fd fd = TRY(open_file(file, O_RDONLY));
  LineReader lines(unwanted, take);
  std::string held;   // what of the file was read and is no whole line yet
  size_t looked = 0;  // so far there is no newline in it
  while (go_on()) {
    const size_t had = held.size();
    held.resize(had + kPiece);
    const ssize_t got = ::read(fd.get(), held.data() + had, kPiece);
    const int errnum = errno;
    held.resize(had + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errnum == EINTR) continue;
    if (got < 0) return system_error(fmt::format("read {}", file.string()), errnum);
    size_t begin = 0;
    for (size_t end = held.find('\n', looked); end != std::string::npos && go_on(); end = held.find('\n', begin)) {
      lines.read(std::string_view(held).substr(begin, end - begin));
      begin = end + 1;
    }
    held.erase(0, begin);
    looked = held.size();
    if (got == 0 || looked > kEventLineLimit) break;
  }
  if (go_on()) lines.read(held);
  return lines.rest();
}

Result<JournalEvents> read_journal(const std::filesystem::path& file) {
  JournalEvents journal;
  const EventTaker take = [&](Event event, WallClock::time_point at) {
    journal.events.push_back(std::move(event));
    journal.times.push_back(at);
  };
  JournalRest rest = TRY(tell_journal(file, {}, take, [] { return true; }));
  journal.unreadable = rest.unreadable;
  journal.broken = std::move(rest.broken);
  return journal;
}

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
