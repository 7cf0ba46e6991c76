/** A picture over other axes than the specimen's, with the points of tables that lie in it. */
import { useMemo, useState } from 'react';
import { colourOfRow, type Class } from './classes';
import { fixed, number, reciprocal, unit } from './format';
import { Marks, Ring, ScaleBar, type Mark } from './Marks';
import { Panel } from './Panel';
import { Raster, type Look } from './Raster';
import { isLinked, numbersOf, type Named, type Selection } from './views';
import { pixelAt, valueAt, type Picture, type ResultDoc } from './wire';
import { words } from './words';

interface Props {
  plane: Named;
  picture: Picture;
  result: ResultDoc;
  classes: Class[];
  selection: Selection | undefined;
  onSelect: (selection: Selection | undefined) => void;
  /** A distance from the middle that the pointer shows, here or in the curves. */
  cursor: number | undefined;
  onCursor: (at: number | undefined) => void;
}

export function PlanePanel({ plane, picture, result, classes, selection, onSelect, cursor, onCursor }: Props) {
  const [point, setPoint] = useState<{ y: number; x: number }>();
  const [dimY = 'y', dimX = 'x'] = plane.variable.dims;
  const look: Look = {
    colours: 'Greys',
    inverted: false,
    log: false,
    low: picture.low,
    high: picture.high,
  };
  const marks = useMemo(
    () => marksOf(result, classes, dimY, dimX, selection, onSelect),
    [result, classes, dimY, dimX, selection, onSelect],
  );
  const central = reciprocal(picture.x.units) !== undefined;
  const hover = (at: { y: number; x: number } | undefined) => {
    setPoint(at);
    onCursor(at && Math.hypot(at.y, at.x));
  };
  return (
    <Panel
      name="plane"
      title={
        <>
          {reciprocal(picture.x.units)
            ? words.plane
            : (plane.variable.attrs.long_name ?? plane.name)}{' '}
          <small>{unit(picture.x.units)}</small>
        </>
      }
      foot={<Readout picture={picture} point={point} />}
    >
      <Raster bare picture={picture} look={look} onPoint={hover}>
        <ScaleBar units={unit(picture.x.units)} />
        {cursor !== undefined && central && <Ring radius={cursor} />}
        <Marks marks={marks} radius={6} />
      </Raster>
    </Panel>
  );
}

/** The rows of every table that has columns called like both axes. */
function marksOf(
  result: ResultDoc,
  classes: Class[],
  dimY: string,
  dimX: string,
  selection: Selection | undefined,
  onSelect: (selection: Selection | undefined) => void,
): Mark[] {
  const mirrored = reciprocal(result.dims[dimX]?.units) !== undefined;
  return Object.keys(result.tables).flatMap((table) => {
    const y = numbersOf(result, table, dimY);
    const x = numbersOf(result, table, dimX);
    if (!y || !x) return [];
    const labels = result.tables[table]?.columns.label?.values;
    return y.flatMap((value, row) => {
      const mark: Mark = {
        id: `${table}${row}`,
        y: value,
        x: x[row] ?? Number.NaN,
        colour: colourOfRow(result, classes, table, row) ?? '#ffffff',
        strong: isLinked(result, selection, table, row),
        label: String(labels?.[row] ?? ''),
        onPick: () => onSelect({ table, row }),
      };
      if (!Number.isFinite(mark.y) || !Number.isFinite(mark.x)) return [];
      const mate = { ...mark, id: `${mark.id}-`, y: -mark.y, x: -mark.x, faint: true };
      return mirrored ? [mark, mate] : [mark];
    });
  });
}

function Readout(props: { picture: Picture; point: { y: number; x: number } | undefined }) {
  const { picture, point } = props;
  const pixel = point && pixelAt(picture, point.y, point.x);
  if (!point || !pixel) return <span className="hint">&nbsp;</span>;
  const length = reciprocal(picture.x.units);
  const radius = Math.hypot(point.y, point.x);
  return (
    <>
      {length ? (
        <span>
          k {fixed(radius, 3)} {unit(picture.x.units)} · d <b>{number(1 / radius)}</b> {length}
        </span>
      ) : (
        <span>
          x {number(point.x)} y {number(point.y)} {unit(picture.x.units)}
        </span>
      )}
      <span className="dim">{number(valueAt(picture, ...pixel))}</span>
    </>
  );
}
