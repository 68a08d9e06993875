// Do frames come through noise, cuts and lies as they were sent, or not at all?
#include "harness/wire/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace holdfast::wire {
namespace {

using ::testing::HasSubstr;

Bytes bytes_of(std::string_view text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

Message sample(std::string text = R"({"id":1,"verb":"hello","args":{}})", std::string_view blob = "\0blob\xff") {
  return {.text = std::move(text), .blob = bytes_of(blob)};
}

/// What a reader makes of `stream`, fed in pieces of `piece` bytes.
struct Outcome {
  std::vector<Message> messages;
  std::vector<Malformed> malformed;
  size_t most_buffered = 0;
};

void feed(FrameReader& reader, std::string_view stream, size_t piece, Outcome& outcome) {
  for (; !stream.empty(); stream.remove_prefix(std::min(piece, stream.size()))) {
    reader.feed(stream.substr(0, piece));
    while (auto came = reader.next()) {
      if (auto* message = std::get_if<Message>(&*came)) {
        outcome.messages.push_back(std::move(*message));
      } else {
        outcome.malformed.push_back(std::get<Malformed>(*came));
      }
    }
    outcome.most_buffered = std::max(outcome.most_buffered, reader.buffered());
  }
}

Outcome read(std::string_view stream, size_t piece = 65536) {
  FrameReader reader;
  Outcome outcome;
  feed(reader, stream, piece, outcome);
  return outcome;
}

/// A frame's header with its own checksum made right again after a change.
std::string with_header_change(std::string frame, size_t at, std::string_view change) {
  frame.replace(at, change.size(), change);
  uint32_t crc = 0xFFFFFFFF;  // CRC-32 (IEEE), bit by bit: not the code under test
  for (size_t i = 0; i < 20; ++i) {
    crc ^= static_cast<unsigned char>(frame[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320U : 0U);
  }
  crc = ~crc;
  for (size_t i = 0; i < 4; ++i) frame[20 + i] = static_cast<char>(crc >> (8 * i) & 0xFF);
  return frame;
}

TEST(Frame, HasTheLayoutThatTheHeaderDescribes) {
  const std::string frame = encode_frame(sample("{}", "abc"));
  ASSERT_EQ(frame.size(), kHeaderSize + 5);
  EXPECT_EQ(frame.substr(0, 16), std::string("HFW1\x01\0\0\0\x02\0\0\0\x03\0\0\0", 16));
  EXPECT_EQ(frame.substr(24), "{}abc");
  EXPECT_EQ(with_header_change(frame, 0, "H"), frame) << "the header's CRC-32 is the IEEE one";
}

TEST(Frame, ComesBackAsItWasSentWhateverTheSizeOfThePieces) {
  const std::string frame = encode_frame(sample());
  for (const size_t piece : {1U, 2U, 3U, 23U, 24U, 25U, 1000U}) {
    const Outcome outcome = read(frame + frame, piece);
    ASSERT_EQ(outcome.messages.size(), 2U) << "pieces of " << piece;
    EXPECT_EQ(outcome.messages[1].text, sample().text);
    EXPECT_EQ(outcome.messages[1].blob, sample().blob);
    EXPECT_TRUE(outcome.malformed.empty());
  }
}

TEST(Frame, CarriesEmptyPartsAndTheLargestOnes) {
  const Message largest{.text = std::string(kMaxText, ' '), .blob = Bytes(kMaxBlob)};
  ASSERT_TRUE(fits(largest));
  const Outcome outcome = read(encode_frame({}) + encode_frame(largest), 100'000);
  ASSERT_EQ(outcome.messages.size(), 2U);
  EXPECT_TRUE(outcome.messages[0].text.empty());
  EXPECT_EQ(outcome.messages[1].blob.size(), kMaxBlob);
  EXPECT_LE(outcome.most_buffered, kHeaderSize + kMaxText + kMaxBlob);
}

TEST(FrameDeathTest, StopsTheProgramThatSendsTooMuch) {
  EXPECT_DEATH(static_cast<void>(encode_frame({.text = std::string(kMaxText + 1, ' '), .blob = {}})), "");
  EXPECT_DEATH(static_cast<void>(encode_frame({.text = {}, .blob = Bytes(kMaxBlob + 1)})), "");
}

TEST(FrameReader, DropsNoiseBeforeBetweenAndAfterFrames) {
  const std::string frame = encode_frame(sample());
  const std::string noise = "SeaBIOS (version 1)\r\nHFHFWHFW1 not a header at all, HFW";
  for (const size_t piece : {1U, 7U, 1000U}) {
    const Outcome outcome = read(noise + frame + noise + frame + noise, piece);
    EXPECT_EQ(outcome.messages.size(), 2U) << "pieces of " << piece;
    EXPECT_TRUE(outcome.malformed.empty());
  }
}

TEST(FrameReader, CountsWhatItDrops) {
  FrameReader reader;
  Outcome outcome;
  feed(reader, "noise" + encode_frame(sample()), 1000, outcome);
  EXPECT_EQ(reader.skipped(), 5U);
}

TEST(FrameReader, FindsTheNextFrameInWhatItTookForTheRestOfACutOne) {
  const std::string cut = encode_frame(sample("{}", std::string(500, 'x')));
  const std::string whole = encode_frame(sample(std::string(300, ' ')));
  const Outcome outcome = read(cut.substr(0, 100) + whole + whole, 10);
  ASSERT_EQ(outcome.malformed.size(), 1U);
  EXPECT_EQ(outcome.malformed[0].fault, Malformed::Fault::kDamaged);
  EXPECT_EQ(outcome.messages.size(), 2U);
}

TEST(FrameReader, GivesUpACutFrameWhenToldThatTheLineIsSilent) {
  const std::string cut = encode_frame(sample("{}", std::string(100'000, 'x'))).substr(0, 60);
  FrameReader reader;
  Outcome outcome;
  feed(reader, cut + encode_frame(sample()), 1000, outcome);
  EXPECT_TRUE(outcome.messages.empty()) << "the second frame is taken for the first one's rest";
  ASSERT_TRUE(reader.in_frame());
  reader.give_up_frame();
  feed(reader, "!", 1, outcome);
  EXPECT_EQ(outcome.messages.size(), 1U);
  EXPECT_FALSE(reader.in_frame());
}

TEST(FrameReader, ForgetsAFrameBegunWhenReset) {
  FrameReader reader;
  Outcome outcome;
  feed(reader, encode_frame(sample()).substr(0, 30), 1000, outcome);
  reader.reset();
  EXPECT_FALSE(reader.in_frame());
  feed(reader, encode_frame(sample()), 1000, outcome);
  EXPECT_EQ(outcome.messages.size(), 1U);
  EXPECT_TRUE(outcome.malformed.empty());
}

TEST(FrameReader, RefusesAnotherVersionAndReadsOn) {
  const std::string frame = encode_frame(sample());
  const Outcome outcome = read(with_header_change(frame, 4, "\x02") + frame, 5);
  ASSERT_EQ(outcome.malformed.size(), 1U);
  EXPECT_EQ(outcome.malformed[0].fault, Malformed::Fault::kVersion);
  EXPECT_THAT(outcome.malformed[0].why, HasSubstr("version 2"));
  EXPECT_EQ(outcome.messages.size(), 1U);
}

TEST(FrameReader, SkipsTheWholeOfATooLongFrameWithoutKeepingIt) {
  const uint32_t blob_size = kMaxBlob + 1;
  std::string length(4, '\0');
  for (size_t i = 0; i < 4; ++i) length[i] = static_cast<char>(blob_size >> (8 * i) & 0xFF);
  const std::string head = with_header_change(encode_frame(sample("{}", "")), 12, length);
  // A whole frame inside of the blob must not be taken for a message.
  std::string blob = encode_frame(sample());
  blob.resize(blob_size, 'x');
  const Outcome outcome = read(head + blob + encode_frame(sample()), 60'000);
  ASSERT_EQ(outcome.malformed.size(), 1U);
  EXPECT_EQ(outcome.malformed[0].fault, Malformed::Fault::kTooLong);
  EXPECT_EQ(outcome.messages.size(), 1U);
  EXPECT_LT(outcome.most_buffered, kHeaderSize);
}

TEST(FrameReader, SkipsAFrameOfFourGigabytesOnlyUntilToldThatTheLineIsSilent) {
  const std::string head = with_header_change(encode_frame(sample("", "")), 12, "\xff\xff\xff\xff");
  FrameReader reader;
  Outcome outcome;
  feed(reader, head + encode_frame(sample()), 1000, outcome);
  EXPECT_TRUE(outcome.messages.empty());
  EXPECT_TRUE(reader.in_frame());
  reader.give_up_frame();
  feed(reader, encode_frame(sample()), 1000, outcome);
  EXPECT_EQ(outcome.messages.size(), 1U);
}

TEST(FrameReader, FindsEachChangedBit) {
  const std::string frame = encode_frame(sample());
  for (size_t bit = 0; bit < frame.size() * 8; ++bit) {
    std::string damaged = frame;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const Outcome outcome = read(damaged + frame + frame);
    EXPECT_GE(outcome.messages.size(), 1U) << "bit " << bit;
    for (const Message& message : outcome.messages) EXPECT_EQ(message.text, sample().text) << "bit " << bit;
    EXPECT_LE(outcome.messages.size(), 2U) << "bit " << bit;
  }
}

TEST(FrameReader, NeitherGrowsNorFailsOnRandomStreams) {
  std::mt19937 random(1);
  const std::string good = encode_frame(sample());
  FrameReader reader;
  Outcome outcome;
  for (int round = 0; round < 3000; ++round) {
    std::string stream = round % 3 == 0 ? std::string(random() % 300, '\0') : good;
    for (char& c : stream) {
      if (random() % 40 == 0 || round % 3 == 0) c = static_cast<char>(random());
    }
    feed(reader, stream, 1 + random() % 100, outcome);
  }
  EXPECT_LE(outcome.most_buffered, kHeaderSize + kMaxText + kMaxBlob + 100);
  for (const Message& message : outcome.messages) EXPECT_EQ(message.text, sample().text);
  while (reader.in_frame()) {
    reader.give_up_frame();
    while (reader.next()) {
    }
  }
  outcome = {};
  feed(reader, good, 1000, outcome);
  EXPECT_EQ(outcome.messages.size(), 1U);
}

}  // namespace
}  // namespace holdfast::wire
