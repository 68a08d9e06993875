// Do messages come back as they were sent, and is everything else an error that names what is wrong?
#include "harness/wire/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "harness/wire/verbs_crash.h"
#include "harness/wire/verbs_fork.h"
#include "harness/wire/verbs_holder.h"
#include "harness/wire/verbs_luo.h"
#include "harness/wire/verbs_pci.h"
#include "harness/wire/verbs_registers.h"
#include "harness/wire/verbs_system.h"
#include "harness/wire/verbs_vfio.h"

namespace holdfast::wire {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

// ---- every verb: requests and replies, by what their JSON says

/// One message type in the direction in which it travels.
template <class T, bool kReply>
struct Travels {
  using Type = T;
  static Message make(const T& value) {
    if constexpr (kReply) {
      return make_reply(7, value);
    } else {
      return make_request(7, value);
    }
  }
  static constexpr const char* kKey = kReply ? "ok" : "args";
};
template <class T>
using Asks = Travels<T, false>;
template <class T>
using Answers = Travels<T, true>;

using AllMessages = testing::Types<
    Asks<Hello>, Asks<Offers>, Asks<Kmsg>, Asks<Have>, Asks<Put>, Asks<KexecLoad>, Asks<KexecUnload>,
    Asks<KexecExecute>, Asks<PowerOff>, Asks<SysfsWrite>, Asks<SysfsWait>, Asks<PciList>, Asks<VfioBind>,
    Asks<DriverRestore>, Asks<VfioOpenCdev>, Asks<VfioOpenGroup>, Asks<IommufdOpen>, Asks<NodeOpen>, Asks<Close>,
    Asks<VfioBindIommufd>, Asks<IoasAlloc>, Asks<VfioAttach>, Asks<IoasMap>, Asks<IoasUnmap>, Asks<VfioInfo>,
    Asks<VfioRead>, Asks<VfioWrite>, Asks<VfioIrqSet>, Asks<VfioIrqWait>, Asks<VfioReset>, Asks<MemfdCreate>,
    Asks<MemfdWrite>, Asks<MemfdRead>, Asks<LuoSessionCreate>, Asks<LuoSessionRetrieve>, Asks<LuoPreserve>,
    Asks<LuoRetrieve>, Asks<LuoFinish>, Asks<CrashLoad>, Asks<CrashNow>, Asks<Vmcore>, Answers<VmcoreReply>,
    Asks<PciConfigWrite>, Asks<PciBarRead>, Asks<VfioAwait>, Asks<VfioKeepBusy>, Answers<VfioAwaitReply>,
    Answers<Hello>, Answers<Empty>, Answers<OffersReply>, Answers<KmsgReply>, Answers<HaveReply>, Answers<PutReply>,
    Answers<SysfsWriteReply>, Answers<PciListReply>, Answers<VfioBindReply>, Answers<HandleReply>,
    Answers<VfioBindIommufdReply>, Answers<IoasAllocReply>, Answers<VfioInfoReply>, Answers<BytesReply>,
    Answers<VfioIrqWaitReply>, Asks<HolderStart>, Asks<HolderKill>, Answers<HolderStartReply>, Asks<Begin>>;

/// Each plain member of `body` gets a value of its own, so that two that were mixed up are found.
json filled(json body) {
  int next = 1;
  for (auto& [key, value] : body.items()) {
    if (value.is_boolean()) value = !value.get<bool>();
    if (value.is_number()) value = ++next;
    if (value.is_string()) value = "text " + std::to_string(++next);
  }
  return body;
}

template <class T>
class EveryMessage : public ::testing::Test {
 protected:
  using Type = typename T::Type;
  static json body_of(const Type& value) { return json::parse(T::make(value).text).at(T::kKey); }
  static Result<Type> decoded(const json& body, Bytes blob = {}) {
    json whole = json::parse(T::make(Type{}).text);
    whole[T::kKey] = body;
    const auto envelope = open_envelope({.text = whole.dump(), .blob = {}});
    if (!envelope) return envelope.error();
    return decode<Type>(*envelope, std::move(blob));
  }
};
TYPED_TEST_SUITE(EveryMessage, AllMessages);

TYPED_TEST(EveryMessage, KeepsEachMember) {
  const json body = filled(this->body_of({}));
  const auto value = this->decoded(body);
  ASSERT_TRUE(value) << value.error().what;
  EXPECT_EQ(this->body_of(*value), body);
}

TYPED_TEST(EveryMessage, KeepsItsBlob) {
  if constexpr (requires(typename TypeParam::Type value) { value.blob; }) {
    typename TypeParam::Type value{};
    value.blob = bytes_of("\x00\xff payload");
    Message message = TypeParam::make(value);
    EXPECT_EQ(message.blob, value.blob);
    EXPECT_FALSE(this->body_of(value).contains("blob"));
    const auto back = this->decoded(this->body_of(value), message.blob);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->blob, value.blob);
  } else {
    EXPECT_TRUE(TypeParam::make({}).blob.empty());
  }
}

TYPED_TEST(EveryMessage, NamesAMemberThatIsMissing) {
  const json body = this->body_of({});
  for (const auto& [key, value] : body.items()) {
    json without = body;
    without.erase(key);
    const auto decoded = this->decoded(without);
    ASSERT_FALSE(decoded) << key;
    EXPECT_EQ(decoded.error().type(), "harness.wire");
    EXPECT_THAT(decoded.error().what, HasSubstr("member \"" + key + "\" is missing"));
  }
}

TYPED_TEST(EveryMessage, NamesAMemberOfTheWrongType) {
  const json body = this->body_of({});
  for (const auto& [key, value] : body.items()) {
    for (const json& wrong : {json(nullptr), json(1.5), json::array({json::array()})}) {
      json changed = body;
      changed[key] = wrong;
      const auto decoded = this->decoded(changed);
      ASSERT_FALSE(decoded) << key << " " << wrong;
      EXPECT_THAT(decoded.error().what, HasSubstr("member \"" + key));
    }
  }
}

TYPED_TEST(EveryMessage, IgnoresAMemberThatItDoesNotKnow) {
  json body = this->body_of({});
  body["from_the_future"] = {1, 2, 3};
  EXPECT_TRUE(this->decoded(body));
}

// ---- members that hold several values

TEST(Codec, KeepsListsAndMaps) {
  const PciFunction function{.bdf = "0000:03:00.0",
                             .path = "0000:00:04.0/0000:03:00.0",
                             .vendor = 0x8086,
                             .device = 0x10d3,
                             .class_code = 0x020000,
                             .driver = "e1000e",
                             .iommu_group = -1,
                             .reset_methods = {"flr", "bus"},
                             .resources = {{.start = 0xfebc0000, .end = ~uint64_t{0}, .flags = 0x40200}},
                             .config_size = 4};
  const auto envelope = open_envelope(make_reply(1, PciListReply{.functions = {function, {}}, .blob = {}}));
  ASSERT_TRUE(envelope);
  const auto list = decode<PciListReply>(*envelope, {});
  ASSERT_TRUE(list) << list.error().what;
  ASSERT_EQ(list->functions.size(), 2U);
  EXPECT_EQ(list->functions[0].path, function.path);
  EXPECT_EQ(list->functions[0].iommu_group, -1);
  EXPECT_EQ(list->functions[0].reset_methods, function.reset_methods);
  EXPECT_EQ(list->functions[0].resources.at(0).end, ~uint64_t{0});

  OffersReply offers;
  offers.config = {{"VFIO", "y"}, {"HZ", "250"}};
  const auto reply = open_envelope(make_reply(1, offers));
  ASSERT_TRUE(reply);
  const auto back = decode<OffersReply>(*reply, {});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->config, offers.config);
}

TEST(Codec, NamesThePlaceOfAWrongMemberInALists) {
  const char* text =
      R"({"id":1,"ok":{"before":[{"bdf":"a","driver":"","override":""},{"bdf":"b","driver":3,"override":""}]}})";
  const auto envelope = open_envelope({.text = text, .blob = {}});
  ASSERT_TRUE(envelope);
  const auto decoded = decode<VfioBindReply>(*envelope, {});
  ASSERT_FALSE(decoded);
  EXPECT_THAT(decoded.error().what, HasSubstr("member \"before[1].driver\" is no text"));
}

TEST(Codec, RefusesNumbersThatDoNotFit) {
  for (const char* value : {"-1", "4294967296", "1.0", "1e3", "18446744073709551616", "\"1\"", "true"}) {
    const std::string text = std::string(R"({"id":1,"ok":{"ioas":)") + value + "}}";
    const auto envelope = open_envelope({.text = text, .blob = {}});
    ASSERT_TRUE(envelope) << value;
    const auto decoded = decode<IoasAllocReply>(*envelope, {});
    ASSERT_FALSE(decoded) << value;
    EXPECT_THAT(decoded.error().what, HasSubstr("from 0 to 4294967295"));
  }
}

TEST(Codec, SendsBytesThatAreNoUtf8AsReplacementCharacters) {
  Hello hello;
  hello.cmdline =
      "a\xff"
      "b";
  const auto envelope = open_envelope(make_event(hello));
  ASSERT_TRUE(envelope) << envelope.error().what;
  const auto back = decode<Hello>(*envelope, {});
  ASSERT_TRUE(back);
  EXPECT_EQ(back->cmdline,
            "a\xef\xbf\xbd"
            "b");
}

// ---- envelopes

TEST(Envelope, TellsTheFourKindsApart) {
  const auto request = open_envelope(make_request(9, VfioBind{.bdf = "x"}));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->kind, Envelope::Kind::kRequest);
  EXPECT_EQ(request->id, 9U);
  EXPECT_EQ(request->name, "vfio_bind");
  const auto reply = open_envelope(make_reply(10, Empty{}));
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->kind, Envelope::Kind::kReply);
  EXPECT_EQ(reply->id, 10U);
  const auto event = open_envelope(make_event(Leaving{.uptime_ms = 5}));
  ASSERT_TRUE(event);
  EXPECT_EQ(event->kind, Envelope::Kind::kEvent);
  EXPECT_EQ(event->name, "leaving");
  const auto leaving = decode<Leaving>(*event, {});
  ASSERT_TRUE(leaving);
  EXPECT_EQ(leaving->uptime_ms, 5U);
  const auto refusal = open_envelope(make_refusal(~uint64_t{0}, {.origin = "kernel", .errnum = 16, .what = "no"}));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->kind, Envelope::Kind::kRefusal);
  EXPECT_EQ(refusal->id, ~uint64_t{0});
  EXPECT_EQ(refusal->refusal.origin, "kernel");
  EXPECT_EQ(refusal->refusal.errnum, 16);
  EXPECT_EQ(refusal->refusal.what, "no");
}

class NoEnvelope : public ::testing::TestWithParam<const char*> {};

TEST_P(NoEnvelope, IsAnErrorOfTheWire) {
  const auto envelope = open_envelope({.text = GetParam(), .blob = {}});
  ASSERT_FALSE(envelope);
  EXPECT_EQ(envelope.error().type(), "harness.wire");
}

INSTANTIATE_TEST_SUITE_P(
    Texts, NoEnvelope,
    ::testing::Values("", " ", "null", "7", "[]", "{}", "{", R"({"id":1})", R"({"id":1,"verb":"x"})",
                      R"({"id":1,"verb":"x","args":[]})", R"({"id":1,"verb":7,"args":{}})", R"({"verb":"x","args":{}})",
                      R"({"id":-1,"verb":"x","args":{}})", R"({"id":"1","verb":"x","args":{}})",
                      R"({"id":1,"verb":"x","args":{},"ok":{}})", R"({"id":1,"ok":3})", R"({"id":1,"error":"no"})",
                      R"({"id":1,"error":{"origin":"kernel"}})", R"({"event":"hello"})", R"({"event":{},"body":{}})",
                      "{\"id\":1,\"verb\":\"\xff\",\"args\":{}}", R"({"id":1e999,"verb":"x","args":{}})",
                      R"({"id":1,"verb":"x","args":{}} trailing)"));

TEST(Envelope, RefusesDeepNestingWithoutGoingIntoIt) {
  const std::string deep =
      R"({"id":1,"verb":"x","args":{"a":)" + std::string(500'000, '[') + std::string(500'000, ']') + "}}";
  const auto envelope = open_envelope({.text = deep, .blob = {}});
  ASSERT_FALSE(envelope);
  EXPECT_THAT(envelope.error().what, HasSubstr("nested deeper"));
  EXPECT_FALSE(open_envelope({.text = std::string(kMaxText, '['), .blob = {}}));
}

TEST(Envelope, CountsNoBracketInAText) {
  const std::string text = R"({"id":1,"verb":"x","args":{"a":")" + std::string(1000, '[') + R"(\"[[[["}})";
  EXPECT_TRUE(open_envelope({.text = text, .blob = {}}));
}

}  // namespace
}  // namespace holdfast::wire
