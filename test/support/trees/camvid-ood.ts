import type { TempFolder } from '../image-files.ts'
import { picture, stripes } from './pictures.ts'

/** Frames by split. */
const FRAMES: Readonly<Record<string, readonly string[]>> = {
  train: ['0001TP_006690', '0001TP_006720'],
  val: ['0016E5_07959'],
  test: ['0001TP_008550', 'Seq05VD_f00000'],
  test_ood: ['0001TP_008550', 'Seq05VD_f00000'],
}

/**
 * A tree of CamVid as it comes with SegNet, and the animals of CamVid-OOD beside it.
 *
 * @param prefix what stands before the paths in the lists of CamVid
 */
export async function writeCamvidOod(folder: TempFolder, prefix = ''): Promise<string> {
  let seed = 0
  for (const [split, frames] of Object.entries(FRAMES)) {
    const annotations = split === 'test_ood' ? 'testannot_ood' : `${split}annot`
    const before = split === 'test_ood' ? '' : prefix
    const lines = frames.map(
      (frame) => `${before}${split}/${frame}.png ${before}${annotations}/${frame}.png\n`,
    )
    await folder.write(`CamVid/${split}.txt`, lines.join(''))
    const values = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...(split === 'test_ood' ? [12] : [])]
    for (const frame of frames) {
      await folder.write(`CamVid/${split}/${frame}.png`, await picture(seed++))
      await folder.write(`CamVid/${annotations}/${frame}.png`, await stripes(values))
    }
  }
  return `${folder.path}/CamVid`
}
