// Which names and tokens may sessions have, how many may there be, and who gets at them when?
#include <array>
#include <limits>

#include "fixtures/case.h"

namespace holdfast {
namespace {

/// A page: what is asked is whether the file came back, not how much of it.
constexpr uint64_t kBytes = 4096;

/// LUO keeps sessions and files in chained pages: 51 sessions or 63 files to a page, and at most 10,000 pages, so that
/// only memory sets a limit. Source: struct luo_session_ser and luo_file_ser in include/linux/kho/abi/luo.h,
/// KHO_MAX_BLOCKS in kernel/liveupdate/kho_block.c of Linux 7.3. Six pages of sessions, and five of files, are many
/// enough for every chain to be walked, grown and shrunk.
constexpr size_t kManySessions = 51 * 5 + 1;
constexpr size_t kManyFiles = 63 * 4 + 1;

std::string nth(size_t number) { return "session-" + std::to_string(number); }

HOLDFAST_CASE(Sessions, LongestNameIsFound,
              "a session whose name has 63 bytes, the most there can be, is found by exactly that name",
              .level = Level::kLuo) {
  const std::string name(63, 'n');
  Running kernel = MUST(scenario.boot());
  Memory sent = MUST(scenario.create_memory(kernel, kBytes));
  Session session = MUST(scenario.create_session(kernel, name));
  MUST(scenario.preserve(kernel, session, sent, 1));

  Running next = MUST(scenario.kexec(std::move(kernel)));
  const std::string shorter =
      MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoSessionRetrieve{.name = name.substr(1)}));
  EXPECT_EQ(shorter, "ENOENT") << "a name that is one byte shorter is another name";
  Session arrived = MUST(scenario.retrieve_session(next, name));
  Memory back = MUST(scenario.retrieve(next, arrived, sent, 1));
  const std::string digest = MUST(scenario.digest_of(next, back));
  EXPECT_EQ(digest, sent.sha256);
  MUST(scenario.finish(next, arrived));
}

// LIVEUPDATE_SESSION_NAME_LENGTH is 64, with the 0 at the end. Source: include/uapi/linux/liveupdate.h of Linux 7.3.
HOLDFAST_CASE(Sessions, ImpossibleNamesAreRefused,
              "a session's name that is empty, or has no 0 within its 64 bytes, is refused with EINVAL",
              .level = Level::kLuo) {
  Running kernel = MUST(scenario.boot());
  for (const std::string& name : {std::string(), std::string(64, 'n')}) {
    const std::string answer = MUST(scenario.refused(Phase::kPreserve, kernel, wire::LuoSessionCreate{.name = name}));
    EXPECT_EQ(answer, "EINVAL") << "a name of " << name.size() << " bytes";
  }
}

HOLDFAST_CASE(Sessions, TakenNameIsRefused,
              "a second session of a name is refused with EEXIST; when the first is closed the name is free",
              .level = Level::kLuo) {
  Running kernel = MUST(scenario.boot());
  Session session = MUST(scenario.create_session(kernel, "taken"));
  const std::string answer = MUST(scenario.refused(Phase::kPreserve, kernel, wire::LuoSessionCreate{.name = "taken"}));
  EXPECT_EQ(answer, "EEXIST");
  MUST(scenario.close_session(kernel, session));
  MUST(scenario.create_session(kernel, "taken"));
}

HOLDFAST_CASE(Sessions, UnknownNameIsNotRetrieved,
              "a name that no session of the previous kernel had is ENOENT, that of a new session too",
              .level = Level::kLuo) {
  Running kernel = MUST(scenario.boot());
  MUST(scenario.create_session(kernel, "known"));

  Running next = MUST(scenario.kexec(std::move(kernel)));
  MUST(scenario.create_session(next, "new"));
  for (const char* name : {"unknown", "know", "known2", "KNOWN", "new", ""}) {
    const std::string answer = MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoSessionRetrieve{.name = name}));
    EXPECT_EQ(answer, "ENOENT") << "\"" << name << "\"";
  }
  MUST(scenario.retrieve_session(next, "known"));
}

HOLDFAST_CASE(Sessions, SessionIsRetrievedOnce,
              "a session that somebody has is not retrieved again (EINVAL), and once finished and closed is gone",
              .level = Level::kLuo) {
  Running kernel = MUST(scenario.boot());
  Memory sent = MUST(scenario.create_memory(kernel, kBytes));
  Session session = MUST(scenario.create_session(kernel, "once"));
  MUST(scenario.preserve(kernel, session, sent, 1));

  Running next = MUST(scenario.kexec(std::move(kernel)));
  Session arrived = MUST(scenario.retrieve_session(next, "once"));
  const wire::LuoSessionRetrieve again{.name = "once"};
  // Source: luo_session_retrieve() in kernel/liveupdate/luo_session.c of Linux 7.3.
  const std::string held = MUST(scenario.refused(Phase::kRetrieve, next, again));
  EXPECT_EQ(held, "EINVAL");
  MUST(scenario.finish(next, arrived));
  MUST(scenario.close_session(next, arrived));
  const std::string gone = MUST(scenario.refused(Phase::kRetrieve, next, again));
  EXPECT_EQ(gone, "ENOENT");
}

HOLDFAST_CASE(Sessions, EachHasItsOwnVerbs,
              "a new session gives nothing back and is not finished; one that arrived takes nothing in: EINVAL",
              .level = Level::kLuo) {
  Running kernel = MUST(scenario.boot());
  Memory sent = MUST(scenario.create_memory(kernel, kBytes));
  Session session = MUST(scenario.create_session(kernel, "verbs"));
  MUST(scenario.preserve(kernel, session, sent, 1));
  const std::string given =
      MUST(scenario.refused(Phase::kRetrieve, kernel, wire::LuoRetrieve{.session = session.handle, .token = 1}));
  EXPECT_EQ(given, "EINVAL") << "retrieve from a new session";
  const std::string over = MUST(scenario.refused(Phase::kFinish, kernel, wire::LuoFinish{.session = session.handle}));
  EXPECT_EQ(over, "EINVAL") << "finish a new session";

  Running next = MUST(scenario.kexec(std::move(kernel)));
  Session arrived = MUST(scenario.retrieve_session(next, "verbs"));
  Memory other = MUST(scenario.create_memory(next, kBytes));
  const std::string taken = MUST(scenario.refused(
      Phase::kPreserve, next, wire::LuoPreserve{.session = arrived.handle, .file = other.memfd, .token = 2}));
  EXPECT_EQ(taken, "EINVAL") << "preserve in a session that arrived";
}

HOLDFAST_CASE(Sessions, TokensAtTheirLimits,
              "0 and UINT64_MAX are tokens as any other, and so is one that differs in its upper half only",
              .level = Level::kLuo) {
  constexpr std::array<uint64_t, 4> kTokens{0, std::numeric_limits<uint64_t>::max(), 1, (uint64_t{1} << 32) + 1};
  Running kernel = MUST(scenario.boot());
  Session session = MUST(scenario.create_session(kernel, "tokens"));
  std::vector<Memory> sent;
  for (const uint64_t token : kTokens) {
    sent.push_back(MUST(scenario.create_memory(kernel, kBytes)));
    MUST(scenario.preserve(kernel, session, sent.back(), token));
  }

  Running next = MUST(scenario.kexec(std::move(kernel)));
  Session arrived = MUST(scenario.retrieve_session(next, "tokens"));
  for (size_t i = kTokens.size(); i-- > 0;) {
    Memory back = MUST(scenario.retrieve(next, arrived, sent[i], kTokens[i]));
    const std::string digest = MUST(scenario.digest_of(next, back));
    EXPECT_EQ(digest, sent[i].sha256) << "token " << kTokens[i];
  }
  MUST(scenario.finish(next, arrived));
}

HOLDFAST_CASE(Sessions, HundredsOfSessionsArrive,
              "of hundreds of sessions those that were still open at the kexec arrive, the closed ones do not",
              .level = Level::kLuo, .timeout = std::chrono::seconds(240)) {
  constexpr size_t kClosed = 7;  // every seventh
  Running kernel = MUST(scenario.boot());
  std::vector<Session> sessions;
  for (size_t i = 0; i < kManySessions; ++i) sessions.push_back(MUST(scenario.create_session(kernel, nth(i))));
  for (size_t i = 0; i < kManySessions; i += kClosed) MUST(scenario.close_session(kernel, sessions[i]));

  Running next = MUST(scenario.kexec(std::move(kernel)));
  for (size_t i = 0; i < kManySessions; ++i) {
    if (i % kClosed != 0) {
      MUST(scenario.retrieve_session(next, nth(i)));
      continue;
    }
    const std::string answer = MUST(scenario.refused(Phase::kRetrieve, next, wire::LuoSessionRetrieve{.name = nth(i)}));
    EXPECT_EQ(answer, "ENOENT") << nth(i) << " was closed";
  }
}

HOLDFAST_CASE(Sessions, HundredsOfFilesArrive,
              "a session with hundreds of memfds and a device among them gives back each of them",
              .level = Level::kRetrieve, .devices = one_device(), .timeout = std::chrono::seconds(240)) {
  Running kernel = MUST(scenario.boot());
  Bound bound = MUST(scenario.bind(kernel, scenario.device()));
  Session session = MUST(scenario.create_session(kernel, "many"));
  std::vector<Memory> sent;
  for (size_t token = 0; token < kManyFiles; ++token) {
    if (token == kManyFiles / 2) MUST(scenario.preserve(kernel, session, bound, kManyFiles));
    sent.push_back(MUST(scenario.create_memory(kernel, kBytes)));
    MUST(scenario.preserve(kernel, session, sent.back(), token));
  }

  Running next = MUST(scenario.kexec(std::move(kernel), {.expected = {bound}}));
  MUST(scenario.verify(next));
  Bound arrived = MUST(scenario.bind_driver(next, scenario.device()));
  Session incoming = MUST(scenario.retrieve_session(next, "many"));
  for (size_t token = 0; token < kManyFiles; ++token) {
    Memory back = MUST(scenario.retrieve(next, incoming, sent[token], token));
    const std::string digest = MUST(scenario.digest_of(next, back));
    EXPECT_EQ(digest, sent[token].sha256) << "token " << token;
  }
  Bound device = MUST(scenario.retrieve(next, incoming, arrived, kManyFiles));
  MUST(scenario.exercise(next, device));
  MUST(scenario.finish(next, incoming));
}

}  // namespace
}  // namespace holdfast
