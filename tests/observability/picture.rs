//! The picture of a board, for the documentation: the screenshot with as many colours as a byte can
//! name, which nobody will miss on a page of lines and letters.

use std::collections::HashMap;

use crate::base64::base64;
use crate::server::repository;

type Color = [u8; 3];

/// Puts it where the documents show it: into the README, and by its bytes into rustdoc, which has
/// no files of its own.
pub(crate) fn publish(png: &[u8]) {
    std::fs::write(repository("docs/board.png"), png).expect("it can be written");
    let text = repository("src/docs/pictures/board.base64");
    std::fs::write(text, base64(png)).expect("it can be written");
}

/// The same picture in fewer bytes.
pub(crate) fn small(png: &[u8]) -> Vec<u8> {
    let (colors, width, height) = read(png);
    let palette = palette(&colors);
    let mut nearest: HashMap<Color, u8> = HashMap::new();
    let mut name = |color: &Color| {
        *nearest.entry(*color).or_insert_with(|| {
            let place = (0..palette.len()).min_by_key(|at| distance(palette[*at], *color));
            place.and_then(|place| u8::try_from(place).ok()).expect("a byte can name it")
        })
    };
    let names: Vec<u8> = colors.iter().map(&mut name).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().expect("it has a size");
    writer.write_image_data(&names).expect("it has so many points");
    writer.finish().expect("a vector takes everything");
    bytes
}

fn read(png: &[u8]) -> (Vec<Color>, u32, u32) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("it is a PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("it fits into memory")];
    let info = reader.next_frame(&mut bytes).expect("it is whole");
    let samples = info.color_type.samples();
    assert!(samples >= 3 && info.bit_depth == png::BitDepth::Eight, "{info:?}");
    let colors =
        bytes[..info.buffer_size()].chunks(samples).map(|point| [point[0], point[1], point[2]]);
    (colors.collect(), info.width, info.height)
}

/// The colours that are there most often.
fn palette(colors: &[Color]) -> Vec<Color> {
    let mut counts: HashMap<Color, usize> = HashMap::new();
    colors.iter().for_each(|color| *counts.entry(*color).or_default() += 1);
    let mut colors: Vec<(Color, usize)> = counts.into_iter().collect();
    colors.sort_by_key(|(color, count)| (std::cmp::Reverse(*count), *color));
    colors.into_iter().map(|(color, _)| color).take(256).collect()
}

fn distance(a: Color, b: Color) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
}
