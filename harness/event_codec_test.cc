// Does every event survive its way through a line of text, and no line the way back unchecked?
#include "harness/event_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "harness/base/text.h"

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

const Where kWhere = {
    .target = "qemu", .id = {.suite = "Preserve", .name = "KeepsAddress", .device = "e1000e"}, .attempt = 2};

Verdict verdict() {
  return {.outcome = Outcome::kFlaky,
          .type = "kernel.hang",
          .message = "kernel B was silent; \"really\" \\ \t ünïcode 漢字 🦀",
          .hint = "look at the console",
          .evidence = {{.name = "console", .text = "line 1\nline 2\n"}, {.name = "empty", .text = ""}}};
}

AttemptEnded attempt() {
  return {.where = kWhere,
          .verdict = verdict(),
          .took = milliseconds(4200),
          .properties = {{"boot_id.before", "aaa"}, {"", "empty key"}},
          .dir = "cases/Preserve.KeepsAddress/e1000e/attempt-2"};
}

/// One of each kind, no member left at its default.
std::vector<Event> all_events() {
  return {RunStarted{.run_id = "4711",
                     .out_dir = "/out/x",
                     .planned = 12,
                     .skipped = 3,
                     .properties = {{"host", "lab-1"}, {"command line", "holdfast run"}}},
          SuiteFacts{.suite = "qemu/a..b", .properties = {{"accel", "tcg"}}},
          CaseStarted{.where = kWhere},
          PhaseStarted{.where = kWhere, .phase = "boot"},
          PhaseEnded{.where = kWhere, .phase = "boot", .took = milliseconds(1234), .ok = false},
          attempt(),
          CaseSettled{.suite = "qemu/a..b",
                      .target = "qemu",
                      .id = kWhere.id,
                      .verdict = verdict(),
                      .attempts = {attempt(), attempt()},
                      .phases = {{"boot", milliseconds(1)}, {"kexec", milliseconds(2)}},
                      .replay = "holdfast run --filter 'x'",
                      .milestones = {{"agent", milliseconds(3)}}},
          Intent{.where = kWhere, .action = "start-vm", .details = {{"pid", "12"}}},
          FindingAllowed{.where = kWhere,
                         .kind = "lockdep",
                         .title = "WARNING: suspicious RCU usage",
                         .phase = "bind",
                         .kernel = "B",
                         .pattern = "suspicious*",
                         .reason = "known"},
          Recovery{.target = "metal-1", .rung = "power cycle", .ok = true, .took = milliseconds(74), .why = "silent"},
          Note{.level = Note::Level::kWarning, .text = "no KVM"},
          RunEnded{.tally = {.passed = 1, .failed = 2, .errors = 3, .skipped = 4},
                   .interrupted = true,
                   .exit_code = 130,
                   .took = milliseconds(99)},
          Milestone{.where = kWhere, .kexec = 2, .device = "e1000e", .name = "retrieved", .at = milliseconds(5)}};
}

class EveryEvent : public testing::TestWithParam<size_t> {
 protected:
  Event event() const { return all_events()[GetParam()]; }
};
INSTANTIATE_TEST_SUITE_P(Kinds, EveryEvent, testing::Range(size_t{0}, std::variant_size_v<Event>));

TEST_P(EveryEvent, IsTheSameAfterTheRoundTrip) {
  ASSERT_EQ(event().index(), GetParam());
  const std::string line = encode(event());
  const auto back = decode_event(line);
  ASSERT_TRUE(back.ok()) << back.error().what;
  EXPECT_EQ(back->index(), event().index());
  EXPECT_EQ(encode(*back), line);
}

TEST_P(EveryEvent, IsOneLine) { EXPECT_THAT(encode(event()), Not(HasSubstr("\n"))); }

TEST_P(EveryEvent, IsRefusedWhenCutAnywhere) {
  const std::string line = encode(event());
  for (size_t length = 0; length < line.size(); ++length) {
    EXPECT_FALSE(decode_event(std::string_view(line).substr(0, length)).ok()) << length;
  }
}

TEST_P(EveryEvent, SurvivesAnyByteReplacedByAnother) {
  const std::string line = encode(event());
  const size_t step = 1 + line.size() / 400;  // long lines repeat themselves
  for (size_t at = 0; at < line.size(); at += step) {
    for (const char byte : {'\0', '"', '}', '9', '\xff'}) {
      std::string broken = line;
      broken[at] = byte;
      const auto back = decode_event(broken);  // an event or an error, but never a throw
      if (!back) {
        EXPECT_EQ(back.error().type(), "harness.event");
      }
    }
  }
}

TEST(EventCodec, KeepsEveryMember) {
  const auto back = decode_event(encode(all_events()[6]));
  ASSERT_TRUE(back.ok());
  const auto& settled = std::get<CaseSettled>(*back);
  EXPECT_EQ(settled.suite, "qemu/a..b");
  EXPECT_EQ(settled.id, kWhere.id);
  EXPECT_EQ(settled.verdict.outcome, Outcome::kFlaky);
  EXPECT_EQ(settled.verdict.message, verdict().message);
  EXPECT_EQ(settled.verdict.hint, verdict().hint);
  ASSERT_EQ(settled.attempts.size(), 2U);
  EXPECT_EQ(settled.attempts[1].where.attempt, 2);
  EXPECT_EQ(settled.attempts[1].took, milliseconds(4200));
  EXPECT_EQ(settled.attempts[1].verdict.evidence[0].text, "line 1\nline 2\n");
  EXPECT_EQ(settled.attempts[1].properties, attempt().properties);
  EXPECT_EQ(settled.attempts[1].dir, attempt().dir);
  EXPECT_EQ(settled.phases.at("kexec"), milliseconds(2));
  EXPECT_EQ(settled.replay, "holdfast run --filter 'x'");
}

TEST(EventCodec, KeepsNumbersAndTruths) {
  const auto started = decode_event(encode(all_events()[0]));
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(std::get<RunStarted>(*started).planned, 12);
  EXPECT_EQ(std::get<RunStarted>(*started).skipped, 3);
  const auto phase = decode_event(encode(all_events()[4]));
  ASSERT_TRUE(phase.ok());
  EXPECT_EQ(std::get<PhaseEnded>(*phase).took, milliseconds(1234));
  EXPECT_FALSE(std::get<PhaseEnded>(*phase).ok);
  const auto note = decode_event(encode(all_events()[10]));
  ASSERT_TRUE(note.ok());
  EXPECT_EQ(std::get<Note>(*note).level, Note::Level::kWarning);
  const auto ended = decode_event(encode(all_events()[11]));
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(std::get<RunEnded>(*ended).tally.errors, 3);
  EXPECT_TRUE(std::get<RunEnded>(*ended).interrupted);
  EXPECT_EQ(std::get<RunEnded>(*ended).exit_code, 130);
}

TEST(EventCodec, CarriesAnyBytesAsPrintableText) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const Note note = {.level = Note::Level::kInfo, .text = bytes + "\xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80 \xe2\x82"};
  const auto back = decode_event(encode(note));
  ASSERT_TRUE(back.ok()) << back.error().what;
  EXPECT_EQ(std::get<Note>(*back).text, printable(note.text));
}

TEST(EventCodec, CleansWhatAHostileLineBringsIn) {
  const auto back = decode_event(R"({"event":"note","level":"info","text":"\u001b[2J\u0000 \u009b"})");
  ASSERT_TRUE(back.ok()) << back.error().what;
  EXPECT_EQ(std::get<Note>(*back).text, R"(\x1b[2J\x00 \xc2\x9b)");
}

TEST(EventCodec, IgnoresUnknownMembers) {
  EXPECT_TRUE(decode_event(R"({"event":"note","level":"info","text":"x","at":"now","more":[1,{"a":2}]})").ok());
}

TEST(EventCodec, NamesTheMemberThatIsWrong) {
  const auto error_of = [](std::string_view line) {
    const auto back = decode_event(line);
    return back ? std::string("no error") : back.error().what;
  };
  EXPECT_THAT(error_of(R"({"event":"note","level":"info"})"), HasSubstr("note.text is missing"));
  EXPECT_THAT(error_of(R"({"event":"note","level":"info","text":7})"), HasSubstr("note.text is number"));
  EXPECT_THAT(error_of(R"({"event":"note","level":"loud","text":""})"), HasSubstr("note.level"));
  EXPECT_THAT(error_of(R"({"event":"case-started","where":{"target":"","id":[],"attempt":1}})"),
              HasSubstr("case-started.where.id is array"));
  EXPECT_THAT(error_of(R"({"event":"suite-facts","suite":"","properties":{"a":{}}})"),
              HasSubstr("suite-facts.properties.a"));
  EXPECT_THAT(error_of(R"({"event":"party"})"), HasSubstr("no event is called \"party\""));
}

TEST(EventCodec, RefusesNumbersThatDoNotFit) {
  for (const char* number : {"2147483648", "-2147483649", "18446744073709551615", "1e3", "1.5", "\"1\"", "null", "true",
                             "99999999999999999999999"}) {
    const std::string line = std::string(R"({"event":"case-started","where":{"target":"t","id":)") +
                             R"({"suite":"","name":"","device":""},"attempt":)" + number + "}}";
    EXPECT_FALSE(decode_event(line).ok()) << number;
  }
}

TEST(EventCodec, RefusesWhatIsNoEvent) {
  for (const char* line : {"", " ", "null", "7", "[]", "\"event\"", "{}", R"({"event":7})", R"({"event":null})", "{{{",
                           "\xff\xfe", R"({"event":"note","level":"info","text":"\ud800"})"}) {
    const auto back = decode_event(line);
    ASSERT_FALSE(back.ok()) << line;
    EXPECT_EQ(back.error().type(), "harness.event");
  }
}

TEST(EventCodec, RefusesDeepNestingAtOnce) {
  for (const std::string piece : {"[", "{\"a\":"}) {
    std::string line = R"({"event":"note","level":"info","text":)";
    for (int i = 0; i < 1'000'000; ++i) line += piece;
    const auto back = decode_event(line);
    ASSERT_FALSE(back.ok());
    EXPECT_THAT(back.error().what, HasSubstr("nested"));
  }
}

TEST(EventCodec, DoesNotTakeBracketsInTextForNesting) {
  const Note note = {.level = Note::Level::kInfo, .text = std::string(1000, '[') + "\\\"" + std::string(1000, '{')};
  EXPECT_TRUE(decode_event(encode(note)).ok());
}

}  // namespace
}  // namespace holdfast
